package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

const (
	cdiKind    = "gpu.nvidia.com/claim"
	cdiVersion = "0.6.0"
)

type cdiSpec struct {
	Version string      `json:"cdiVersion"`
	Kind    string      `json:"kind"`
	Devices []cdiDevice `json:"devices"`
}

type cdiDevice struct {
	Name  string   `json:"name"`
	Edits cdiEdits `json:"containerEdits"`
}

type cdiEdits struct {
	Env []string `json:"env"`
}

// cdiID is the name that the kubelet passes to the container runtime.
func cdiID(claim types.UID, request string) string {
	return cdiKind + "=" + cdiName(claim, request)
}

// cdiName holds the claim's UID: the runtime may remember a name, so none is used twice. Subrequests have a slash.
func cdiName(claim types.UID, request string) string {
	return string(claim) + "-" + strings.ReplaceAll(request, "/", "-")
}

// writeSpec replaces the claim's file at once, so that the runtime never reads half of it.
func writeSpec(folder string, claim types.UID, environment map[string][]string) error {
	spec := cdiSpec{Version: cdiVersion, Kind: cdiKind}
	for request, variables := range environment {
		device := cdiDevice{Name: cdiName(claim, request), Edits: cdiEdits{Env: variables}}
		spec.Devices = append(spec.Devices, device)
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	path := specPath(folder, claim)
	// The runtime reads files that end in .json or .yaml only.
	unfinished := path + ".unfinished"
	if err := os.WriteFile(unfinished, text, 0o600); err != nil {
		return err
	}
	return os.Rename(unfinished, path)
}

func removeSpec(folder string, claim types.UID) error {
	err := os.Remove(specPath(folder, claim))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func specPath(folder string, claim types.UID) string {
	return filepath.Join(folder, "gpu.nvidia.com-"+string(claim)+".json")
}
