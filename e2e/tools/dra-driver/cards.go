package main

import (
	"crypto/sha256"
	"fmt"

	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// memory is the capacity's name; claims say `device.capacity['gpu.nvidia.com'].memory`.
const memory resourceapi.QualifiedName = "memory"

// Shares of a card are multiples of this. The memory of every card of the bed is one, too.
const shareMiB = 4

// cards are those of one node, all of one kind.
type cards struct {
	product, architecture, compute string
	memoryMiB                      int64
	count                          int
	shared                         bool
}

func (c cards) devices(node string) []resourceapi.Device {
	devices := make([]resourceapi.Device, 0, c.count)
	for index := range c.count {
		device := resourceapi.Device{
			Name: fmt.Sprintf("gpu-%d", index),
			Attributes: map[resourceapi.QualifiedName]resourceapi.DeviceAttribute{
				"type":                  text("gpu"),
				"uuid":                  text(uuid(node, index)),
				"productName":           text(c.product),
				"architecture":          text(c.architecture),
				"cudaComputeCapability": version(c.compute + ".0"),
			},
			Capacity: map[resourceapi.QualifiedName]resourceapi.DeviceCapacity{
				memory: {Value: *mebibytes(c.memoryMiB)},
			},
		}
		if c.shared {
			c.share(&device)
		}
		devices = append(devices, device)
	}
	return devices
}

// share lets claims have a part of the memory. Who asks for no amount gets all of it.
func (c cards) share(device *resourceapi.Device) {
	yes := true
	device.AllowMultipleAllocations = &yes
	device.Capacity[memory] = resourceapi.DeviceCapacity{
		Value: *mebibytes(c.memoryMiB),
		RequestPolicy: &resourceapi.CapacityRequestPolicy{
			Default: mebibytes(c.memoryMiB),
			ValidRange: &resourceapi.CapacityRequestPolicyRange{
				Min:  mebibytes(shareMiB),
				Max:  mebibytes(c.memoryMiB),
				Step: mebibytes(shareMiB),
			},
		},
	}
}

// uuid looks like NVIDIA's and is the same at each start.
func uuid(node string, index int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", node, index))
	return fmt.Sprintf("GPU-%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

func mebibytes(mib int64) *resource.Quantity {
	return resource.NewQuantity(mib<<20, resource.BinarySI)
}

func text(value string) resourceapi.DeviceAttribute {
	return resourceapi.DeviceAttribute{StringValue: &value}
}

func version(value string) resourceapi.DeviceAttribute {
	return resourceapi.DeviceAttribute{VersionValue: &value}
}
