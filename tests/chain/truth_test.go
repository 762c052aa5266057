package chain

import "testing"

// The same scenario has the same effects on our contracts and on the real ones, in process and on anvil: every status, log,
// answer and reason. Gas of the same contracts is the same on both machines.
func TestOursDoWhatTheRealOnesDo(t *testing.T) {
	t.Run("S2-54 what each operation does and costs", oursDoWhatTheRealOnesDo)
}

func oursDoWhatTheRealOnesDo(t *testing.T) {
	dir := install(t, ".")
	real, anvil := realCode(t, dir), anvilProgram(t, dir)
	run := func(to target) []happened {
		p := newPlay(t, to)
		p.scenario()
		return p.list
	}
	ours := run(inProcess(t, "ours", nil))
	theirs := run(inProcess(t, "real", real))
	same(t, "ours and real ones in process", ours, theirs, false)
	same(t, "ours in process and on anvil", ours, run(onAnvil(t, "ours on anvil", anvil, nil)), true)
	same(t, "real ones in process and on anvil", theirs, run(onAnvil(t, "real on anvil", anvil, real)), true)
	checkGasPage(t, gasTable(ours, theirs))
}

// same compares two runs step by step.
func same(t *testing.T, what string, a, b []happened, gas bool) {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%s: %d and %d steps", what, len(a), len(b))
	}
	for i := range a {
		if a[i].step != b[i].step || a[i].what != b[i].what {
			t.Errorf("%s: step %q\n one: %s\nother (%s): %s", what, a[i].step, a[i].what, b[i].step, b[i].what)
		}
		if gas && a[i].gas != b[i].gas {
			t.Errorf("%s: step %q took %d gas and %d", what, a[i].step, a[i].gas, b[i].gas)
		}
	}
}
