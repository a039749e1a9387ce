// CoreDNS with the plugins that the bed's Corefile names. The stock binary links every cloud's SDK.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
)

func main() {
	// The order is the order in which plugins see a query.
	dnsserver.Directives = []string{"bind", "health", "errors", "cache", "kubernetes"}
	coremain.Run()
}
