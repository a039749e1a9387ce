//! nginx: one process, keep-alive on both sides, and no buffering of answers, as guides for LLM gateways say.

use super::{Gateway, Kind, Starter, free_port};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

pub(super) async fn start(
    starter: &Starter<'_>,
    upstreams: &[SocketAddr],
    logs: bool,
) -> anyhow::Result<Gateway> {
    let (kind, folder) = if logs { (Kind::NginxLogging, "nginx-log") } else { (Kind::Nginx, "nginx") };
    let folder = starter.folder.join(folder);
    std::fs::create_dir_all(&folder)?;
    let address = free_port()?;
    let path = folder.join("nginx.conf");
    std::fs::write(&path, config(address, upstreams, logs)?)?;
    let (prefix, path) = (folder.to_string_lossy(), path.to_string_lossy());
    let args = ["-e", "stderr", "-p", &prefix, "-c", &path];
    Gateway::spawn(starter, kind, Path::new("/usr/sbin/nginx"), &args, address)?.listening().await
}

fn config(address: SocketAddr, upstreams: &[SocketAddr], logs: bool) -> Result<String, std::fmt::Error> {
    let mut servers = String::new();
    for upstream in upstreams {
        writeln!(servers, "    server {upstream};")?;
    }
    let log = if logs { "/dev/stdout combined" } else { "off" };
    Ok(format!(
        "daemon off;
master_process off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid nginx.pid;
error_log stderr error;
events {{ worker_connections 8192; }}
http {{
  access_log {log};
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  tcp_nodelay on;
  keepalive_requests 100000000;
  client_body_buffer_size 256k;
  client_max_body_size 32m;
  upstream engine {{
{servers}    keepalive 2048;
    keepalive_requests 100000000;
  }}
  server {{
    listen {address};
    location / {{
      proxy_pass http://engine;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_buffering off;
      proxy_read_timeout 600s;
    }}
  }}
}}
"
    ))
}
