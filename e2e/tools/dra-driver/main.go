// dra-driver is the bed's DRA driver: it offers the cards that a node claims to have as NVIDIA's driver would, under
// NVIDIA's name, and gives containers the environment that NVIDIA's runtime would read.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/dynamic-resource-allocation/kubeletplugin"
	"k8s.io/dynamic-resource-allocation/resourceslice"
)

// driverName is the name that claims and device classes know the driver by.
const driverName = "gpu.nvidia.com"

type settings struct {
	node, kubeconfig, kubeletRoot, cdi string
	cards                              cards
}

func main() {
	var s settings
	flag.StringVar(&s.node, "node", "", "name of the Kubernetes node")
	flag.StringVar(&s.kubeconfig, "kubeconfig", "", "credentials: the node's own suffice")
	flag.StringVar(&s.kubeletRoot, "kubelet-root", "", "the kubelet's --root-dir")
	flag.StringVar(&s.cdi, "cdi", "", "folder of CDI specifications that the container runtime reads")
	flag.StringVar(&s.cards.product, "product", "", "product name of the cards")
	flag.StringVar(&s.cards.architecture, "architecture", "", "their architecture")
	flag.StringVar(&s.cards.compute, "compute", "", "their compute capability: MAJOR.MINOR")
	flag.Int64Var(&s.cards.memoryMiB, "memory-mib", 0, "memory of one card in MiB")
	flag.IntVar(&s.cards.count, "count", 1, "how many cards")
	flag.BoolVar(&s.cards.shared, "shared", false, "let several claims have a part of one card's memory each")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s, stop); err != nil {
		fmt.Fprintln(os.Stderr, "dra-driver:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings, stop context.CancelFunc) error {
	if s.node == "" || s.kubeletRoot == "" || s.cdi == "" || s.cards.memoryMiB <= 0 || s.cards.count <= 0 {
		return errors.New("-node, -kubelet-root, -cdi, -memory-mib and -count must be set")
	}
	config, err := clientcmd.BuildConfigFromFlags("", s.kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	data := filepath.Join(s.kubeletRoot, "plugins", driverName)
	for _, folder := range []string{data, s.cdi} {
		if err := os.MkdirAll(folder, 0o750); err != nil {
			return err
		}
	}
	helper, err := kubeletplugin.Start(ctx, &driver{settings: s, stop: stop},
		kubeletplugin.KubeClient(client),
		kubeletplugin.NodeName(s.node),
		kubeletplugin.DriverName(driverName),
		kubeletplugin.RegistrarDirectoryPath(filepath.Join(s.kubeletRoot, "plugins_registry")),
		kubeletplugin.PluginDataDirectoryPath(data),
	)
	if err != nil {
		return err
	}
	pool := resourceslice.Pool{Slices: []resourceslice.Slice{{Devices: s.cards.devices(s.node)}}}
	resources := resourceslice.DriverResources{Pools: map[string]resourceslice.Pool{s.node: pool}}
	if err := helper.PublishResources(ctx, resources); err != nil {
		return err
	}
	<-ctx.Done()
	helper.Stop()
	return nil
}
