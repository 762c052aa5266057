package msgs

import (
	"reflect"
	"strings"
)

// FieldNames lists the JSON names of a struct (or a pointer to one) in the order in which they are written, with those
// of embedded structs in their place.
func FieldNames(of any) []string {
	t := reflect.TypeOf(of)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.Anonymous && name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}

// nearest gives the known name that the written one was most likely meant to be, empty when none is near.
func nearest(written string, known []string) string {
	const longest = 64 // no field name is half as long; beyond it nothing is near
	if len(written) > longest {
		return ""
	}
	best, least := "", max(2, len(written)/3)+1
	for _, k := range known {
		if d := distance(plain(written), plain(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// plain drops what people vary without thinking: capitals, underscores, hyphens.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' {
			return -1
		}
		return r
	}, strings.ToLower(s))
}

// distance counts the letters to insert, drop, change, or swap with their neighbour, to come from a to b.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(last[j]+1, row[j-1]+1, change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
