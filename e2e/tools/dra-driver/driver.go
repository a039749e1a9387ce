package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/dynamic-resource-allocation/kubeletplugin"
)

// driver prepares claims for the kubelet of one node.
type driver struct {
	settings
	stop context.CancelFunc
}

var _ kubeletplugin.DRAPlugin = (*driver)(nil)

// PrepareResourceClaims writes a CDI device for each request of each claim.
func (d *driver) PrepareResourceClaims(
	_ context.Context, claims []*resourceapi.ResourceClaim,
) (map[types.UID]kubeletplugin.PrepareResult, error) {
	results := make(map[types.UID]kubeletplugin.PrepareResult, len(claims))
	for _, claim := range claims {
		devices, err := d.prepare(claim)
		results[claim.UID] = kubeletplugin.PrepareResult{Err: err, Devices: devices}
	}
	return results, nil
}

// UnprepareResourceClaims removes what was written. The names of the files hold all that it needs to know.
func (d *driver) UnprepareResourceClaims(
	_ context.Context, claims []kubeletplugin.NamespacedObject,
) (map[types.UID]error, error) {
	results := make(map[types.UID]error, len(claims))
	for _, claim := range claims {
		results[claim.UID] = removeSpec(d.cdi, claim.UID)
	}
	return results, nil
}

// HandleError logs, and ends the driver where trying again is of no use.
func (d *driver) HandleError(ctx context.Context, err error, message string) {
	runtime.HandleErrorWithContext(ctx, err, message)
	if !errors.Is(err, kubeletplugin.ErrRecoverable) {
		d.stop()
	}
}

func (d *driver) prepare(claim *resourceapi.ResourceClaim) ([]kubeletplugin.Device, error) {
	known := d.cards.devices(d.node)
	uuids, limits := map[string][]string{}, map[string][]string{}
	var devices []kubeletplugin.Device
	for _, result := range claim.Status.Allocation.Devices.Results {
		if result.Driver != driverName {
			continue
		}
		card := find(known, result.Device)
		if card == nil || result.Pool != d.node {
			return nil, fmt.Errorf("node %s has no device %s/%s", d.node, result.Pool, result.Device)
		}
		request := result.Request
		if share, ok := result.ConsumedCapacity[memory]; ok {
			// As the device plugin and MPS say it: the card's place in the container, and how much of it.
			place := len(uuids[request])
			limits[request] = append(limits[request], fmt.Sprintf("%d=%dM", place, share.Value()>>20))
		}
		uuids[request] = append(uuids[request], *card.Attributes["uuid"].StringValue)
		device := kubeletplugin.Device{
			Requests: []string{request}, PoolName: result.Pool, DeviceName: result.Device, ShareID: result.ShareID,
		}
		if len(uuids[request]) == 1 {
			device.CDIDeviceIDs = []string{cdiID(claim.UID, request)}
		}
		devices = append(devices, device)
	}
	environment := make(map[string][]string, len(uuids))
	for request, found := range uuids {
		environment[request] = []string{"NVIDIA_VISIBLE_DEVICES=" + strings.Join(found, ",")}
		if shares := limits[request]; len(shares) > 0 {
			limit := "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT=" + strings.Join(shares, ",")
			environment[request] = append(environment[request], limit)
		}
	}
	return devices, writeSpec(d.cdi, claim.UID, environment)
}

func find(devices []resourceapi.Device, name string) *resourceapi.Device {
	for index := range devices {
		if devices[index].Name == name {
			return &devices[index]
		}
	}
	return nil
}
