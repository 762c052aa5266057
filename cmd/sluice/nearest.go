package main

import (
	"cmp"
	"slices"
	"strings"
)

// nearest is up to three of the known names that the written one was most likely meant to be, nearest first; none when
// all are far.
func nearest(written string, known []string) []string {
	const (
		most    = 3  // more is no help
		longest = 80 // no name is half as long, and the work grows with its square
	)
	if len(written) > longest {
		return nil
	}
	far := max(2, len(written)/3)
	var near []string
	distance := map[string]int{}
	for _, k := range known {
		if d := edits(plain(written), plain(k)); d <= far {
			distance[k] = d
			near = append(near, k)
		}
	}
	slices.SortStableFunc(near, func(a, b string) int { return cmp.Compare(distance[a], distance[b]) })
	return near[:min(len(near), most)]
}

// meant begins an advice with the nearest names, and is empty when there is none.
func meant(written string, known []string) string {
	near := nearest(written, known)
	if len(near) == 0 {
		return ""
	}
	return "did you mean " + strings.Join(near, " or ") + "? "
}

// plain drops what people vary without thinking: capitals, underscores, hyphens.
func plain(s string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(s))
}

// edits counts the bytes to insert, drop or change to come from a to b.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(before+1, row[j]+1, change)
		}
	}
	return row[len(b)]
}
