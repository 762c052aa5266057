package msgs

// Command is one thing asked of an account. The types of this package are the only ones.
type Command interface {
	// Verb is the last token of the subject it is published on.
	Verb() string
	// ID is the id that makes a repeat recognisable: the client_order_id or request_id, empty where a cancel has none.
	ID() string
	// Base is the part that every command has.
	Base() *Common
	// Check judges what can be judged without clock, market and account: which fields go together, ranges, decimals.
	// It is nil for a command that may be decided.
	Check() *Error

	// set takes one member of the JSON object; known is false when the command has no such field.
	set(f field) (known bool, err *Error)
	// required names the fields that must stand in the JSON whatever else does.
	required() []string
}

// Base is the part that every command has.
func (c *Common) Base() *Common { return c }

// Verb is submit.
func (*Submit) Verb() string { return VerbSubmit }

// Verb is cancel.
func (*Cancel) Verb() string { return VerbCancel }

// Verb is cancel_all.
func (*CancelAll) Verb() string { return VerbCancelAll }

// Verb is replace.
func (*Replace) Verb() string { return VerbReplace }

// Verb is halt.
func (*Halt) Verb() string { return VerbHalt }

// Verb is resume.
func (*Resume) Verb() string { return VerbResume }

// Verb is split.
func (*Split) Verb() string { return VerbSplit }

// Verb is merge.
func (*Merge) Verb() string { return VerbMerge }

// Verb is redeem.
func (*Redeem) Verb() string { return VerbRedeem }

// Verb is convert.
func (*Convert) Verb() string { return VerbConvert }

// Verb is wrap.
func (*Wrap) Verb() string { return VerbWrap }

// Verb is unwrap.
func (*Unwrap) Verb() string { return VerbUnwrap }

// Verb is approve.
func (*Approve) Verb() string { return VerbApprove }

// Verb is deploy.
func (*Deploy) Verb() string { return VerbDeploy }

// Verb is transfer.
func (*Transfer) Verb() string { return VerbTransfer }

// Verb is cancel, of the tx family.
func (*TxCancel) Verb() string { return VerbCancel }

// ID is the order's own id.
func (c *Submit) ID() string { return string(c.ClientOrderID) }

// ID is the request_id when the sender gave one, else the one order that is meant, else empty.
func (c *Cancel) ID() string {
	if c.RequestID != "" {
		return string(c.RequestID)
	}
	return string(c.ClientOrderID)
}

// ID is the request's id.
func (c *CancelAll) ID() string { return string(c.RequestID) }

// ID is the new order's id.
func (c *Replace) ID() string { return string(c.ClientOrderID) }

// ID is the request's id.
func (c *Halt) ID() string { return string(c.RequestID) }

// ID is the request's id.
func (c *Resume) ID() string { return string(c.RequestID) }

// ID is the request's id.
func (c *TxCommon) ID() string { return string(c.RequestID) }

// ID is the request's own id, not that of the request it takes back.
func (c *TxCancel) ID() string { return string(c.RequestID) }

// NewCommand gives the empty command of a family and verb, nil for an unknown one.
func NewCommand(family, verb string) Command {
	switch family {
	case FamilyOrder:
		return newOrderCommand(verb)
	case FamilyControl:
		return newControlCommand(verb)
	case FamilyTx:
		return newTxCommand(verb)
	}
	return nil
}

func newOrderCommand(verb string) Command {
	switch verb {
	case VerbSubmit:
		return new(Submit)
	case VerbCancel:
		return new(Cancel)
	case VerbCancelAll:
		return new(CancelAll)
	case VerbReplace:
		return new(Replace)
	}
	return nil
}

func newControlCommand(verb string) Command {
	switch verb {
	case VerbHalt:
		return new(Halt)
	case VerbResume:
		return new(Resume)
	}
	return nil
}

func newTxCommand(verb string) Command {
	switch verb {
	case VerbSplit:
		return new(Split)
	case VerbMerge:
		return new(Merge)
	case VerbRedeem:
		return new(Redeem)
	case VerbConvert:
		return new(Convert)
	case VerbWrap:
		return new(Wrap)
	case VerbUnwrap:
		return new(Unwrap)
	case VerbApprove:
		return new(Approve)
	case VerbDeploy:
		return new(Deploy)
	case VerbTransfer:
		return new(Transfer)
	case VerbCancel:
		return new(TxCancel)
	}
	return nil
}

// FamilyOf is the family whose subject a command is published on.
func FamilyOf(c Command) string {
	switch c.(type) {
	case *Submit, *Cancel, *CancelAll, *Replace:
		return FamilyOrder
	case *Halt, *Resume:
		return FamilyControl
	}
	return FamilyTx
}
