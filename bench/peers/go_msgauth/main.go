// go-msgauth over a corpus folder: one thread, keys from a table through VerifyOptions.LookupTXT.
//
// `peer-go-msgauth FOLDER dkim LIMIT VERDICTS` prints one JSON line; see bench/peers/__main__.py.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"github.com/emersion/go-msgauth/dkim"
)

const warmUp = 256

// readKeys returns the TXT records of every name, the strings of a record joined.
func readKeys(folder string) (map[string][]string, error) {
	octets, err := os.ReadFile(filepath.Join(folder, "zone.json"))
	if err != nil {
		return nil, err
	}
	var zone map[string]json.RawMessage
	if err := json.Unmarshal(octets, &zone); err != nil {
		return nil, err
	}
	keys := make(map[string][]string)
	for name, answer := range zone {
		var types map[string]json.RawMessage
		var texts []json.RawMessage
		if json.Unmarshal(answer, &types) != nil || json.Unmarshal(types["TXT"], &texts) != nil {
			continue
		}
		for _, text := range texts {
			var joined string
			var pieces []string
			if json.Unmarshal(text, &joined) != nil && json.Unmarshal(text, &pieces) == nil {
				joined = strings.Join(pieces, "")
			}
			keys[name] = append(keys[name], joined)
		}
	}
	return keys, nil
}

// readMessages returns at most so many messages, as ranges over one buffer.
func readMessages(folder string, limit int) ([][]byte, error) {
	octets, err := os.ReadFile(filepath.Join(folder, "messages.bin"))
	if err != nil {
		return nil, err
	}
	var messages [][]byte
	for len(messages) < limit && len(octets) >= 4 {
		length := int(binary.LittleEndian.Uint32(octets)) + 4
		if length > len(octets) {
			break
		}
		messages = append(messages, octets[4:length])
		octets = octets[length:]
	}
	return messages, nil
}

func word(err error) string {
	switch {
	case err == nil:
		return "pass"
	case dkim.IsTempFail(err):
		return "temperror"
	case dkim.IsPermFail(err):
		return "permerror"
	default:
		return "fail"
	}
}

func verify(message []byte, options *dkim.VerifyOptions, verdicts io.Writer) {
	results, err := dkim.VerifyWithOptions(bytes.NewReader(message), options)
	if err != nil {
		fmt.Fprint(verdicts, "unparsed")
	}
	for position, result := range results {
		if position > 0 {
			fmt.Fprint(verdicts, ",")
		}
		fmt.Fprint(verdicts, word(result.Err))
	}
	fmt.Fprintln(verdicts)
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func version() string {
	information, _ := debug.ReadBuildInfo()
	for _, module := range information.Deps {
		if module.Path == "github.com/emersion/go-msgauth" {
			return strings.TrimPrefix(module.Version, "v")
		}
	}
	return ""
}

func run(folder string, limit int, path string) error {
	keys, err := readKeys(folder)
	if err != nil {
		return err
	}
	messages, err := readMessages(folder, limit)
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	verdicts := bufio.NewWriter(file)
	options := &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		if texts, ok := keys[name]; ok {
			return texts, nil
		}
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}}
	for _, message := range messages[:min(warmUp, len(messages))] {
		verify(message, options, io.Discard)
	}
	runtime.GC()
	begun := cpuSeconds()
	for _, message := range messages {
		verify(message, options, verdicts)
	}
	seconds := cpuSeconds() - begun
	if err := verdicts.Flush(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"peer": "go-msgauth", "version": version(), "cpu_seconds": seconds,
		"messages": len(messages), "verdicts": path,
	})
}

func main() {
	runtime.GOMAXPROCS(1)
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "FOLDER dkim LIMIT VERDICTS")
		os.Exit(2)
	}
	limit, err := strconv.Atoi(os.Args[3])
	if err == nil {
		err = run(os.Args[1], limit, os.Args[4])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
