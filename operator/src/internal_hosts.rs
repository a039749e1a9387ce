//! Which addresses no policy and no model may name: routers and the operator would reach into the cluster for whoever
//! writes them. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Hosts inside, and whether they may be named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InternalHosts {
    /// They may.
    pub allowed: bool,
    /// The API server, where its address is known.
    pub api_server: Option<String>,
}

/// Names that lead to the node itself, to the API server or to a cloud's metadata.
const NAMES: [&str; 6] = [
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "metadata",
    "metadata.google.internal",
];
/// Everything below these.
const BELOW: [&str; 2] = [".localhost", ".kubernetes.default.svc"];
/// Of the cluster's own names, what is left of the rest.
const CLUSTER: &str = "kubernetes.default.svc.";

impl InternalHosts {
    /// Why a host may not be named; `None` if it may.
    pub fn refuses(&self, host: &str) -> Option<&'static str> {
        if self.allowed {
            return None;
        }
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if self.api_server.as_deref().is_some_and(|server| server.eq_ignore_ascii_case(bare)) {
            return Some("it is the API server's");
        }
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return self.refuses_ip(ip);
        }
        // What is not written as an address but read as one: 2130706433, 127.1, 0x7f.1.
        if bare
            .rsplit('.')
            .next()
            .is_some_and(|last| last.starts_with("0x") || last.bytes().all(|b| b.is_ascii_digit()))
        {
            return Some("it is an address in an unusual form");
        }
        let named =
            NAMES.contains(&bare) || BELOW.iter().any(|end| bare.ends_with(end)) || bare.starts_with(CLUSTER);
        named.then_some("the name leads to the node, the API server or the cloud's metadata")
    }

    /// The same of an address that a name leads to.
    pub fn refuses_ip(&self, ip: IpAddr) -> Option<&'static str> {
        let ip = ip.to_canonical();
        let server = || self.api_server.as_deref()?.parse::<IpAddr>().ok();
        if self.allowed {
            None
        } else if server().is_some_and(|server| server.to_canonical() == ip) {
            Some("it is the API server's")
        } else {
            of_ip(ip)
        }
    }
}

fn of_ip(ip: IpAddr) -> Option<&'static str> {
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip == AWS_METADATA,
    };
    let unusable = match ip {
        IpAddr::V4(ip) => {
            ip.octets()[0] == 0 || ip.is_broadcast() || ip.is_multicast() || ip == ALIBABA_METADATA
        }
        IpAddr::V6(ip) => ip.is_unspecified() || ip.is_multicast(),
    };
    if ip.is_loopback() {
        Some("it is a loopback address")
    } else if link_local {
        Some("it is a link-local address, where clouds have their metadata")
    } else if unusable {
        Some("it is no address of a server")
    } else {
        None
    }
}

/// Instance metadata at addresses that are not link-local, as the providers document them.
const AWS_METADATA: Ipv6Addr = Ipv6Addr::new(0xFD00, 0xEC2, 0, 0, 0, 0, 0, 0x254);
const ALIBABA_METADATA: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_inside_are_refused_however_they_are_written() {
        let hosts = InternalHosts { allowed: false, api_server: Some("10.96.0.1".to_owned()) };
        for host in [
            "127.0.0.1",
            "127.8.8.8",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "0.0.0.0",
            "[::]",
            "169.254.169.254",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "100.100.100.200",
            "224.0.0.1",
            "10.96.0.1",
            "2130706433",
            "127.1",
            "0x7f.0.0.1",
            "0x7f000001",
            "localhost",
            "LOCALHOST.",
            "x.localhost",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
            "metadata.google.internal",
        ] {
            assert!(hosts.refuses(host).is_some(), "{host} was taken");
            let allowed = InternalHosts { allowed: true, ..hosts.clone() };
            assert_eq!(allowed.refuses(host), None);
        }
        for host in [
            "api.openai.com",
            "10.0.0.7",
            "192.168.1.1",
            "[2001:db8::1]",
            "llm.team.svc.cluster.local",
            "kubernetes.example.com",
            "1.2.3.4",
            "llama3",
        ] {
            assert_eq!(hosts.refuses(host), None, "{host}");
        }
    }
    #[test]
    fn what_a_name_leads_to_is_judged_as_what_is_written() {
        let hosts = InternalHosts { allowed: false, api_server: Some("10.96.0.1".to_owned()) };
        for ip in
            ["127.0.0.1", "::1", "::ffff:169.254.169.254", "169.254.0.7", "10.96.0.1", "::ffff:10.96.0.1"]
        {
            let ip = ip.parse().unwrap();
            assert!(hosts.refuses_ip(ip).is_some(), "{ip} was taken");
            assert_eq!(InternalHosts { allowed: true, ..hosts.clone() }.refuses_ip(ip), None);
        }
        for ip in ["10.96.0.2", "192.168.0.9", "2001:db8::1"] {
            assert_eq!(hosts.refuses_ip(ip.parse().unwrap()), None, "{ip}");
        }
    }
}
