// Answers what Docker's own reading of a .dockerignore says: one JSON object a line in, one out.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

type question struct {
	File  string   `json:"file"`
	Paths []string `json:"paths"`
}

type answer struct {
	// Whether the file as a whole is refused.
	Refused bool `json:"refused"`
	// For each path whether it is ignored, or null where comparing it fails.
	Ignored []*bool `json:"ignored"`
}

func ask(patterns []string, path string) *bool {
	// A new one for each path: a matcher that failed once must not be asked again.
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return nil
	}
	ignored, err := matcher.MatchesOrParentMatches(path)
	if err != nil {
		return nil
	}
	return &ignored
}

func reply(q question) answer {
	patterns, err := ignorefile.ReadAll(strings.NewReader(q.File))
	if err == nil {
		_, err = patternmatcher.New(patterns)
	}
	if err != nil {
		return answer{Refused: true}
	}
	a := answer{Ignored: []*bool{}}
	for _, path := range q.Paths {
		a.Ignored = append(a.Ignored, ask(patterns, path))
	}
	return a
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	decoder := json.NewDecoder(in)
	for decoder.More() {
		var q question
		if err := decoder.Decode(&q); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := encoder.Encode(reply(q)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	out.Flush()
}
