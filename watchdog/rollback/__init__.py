"""Going back: where to (target), whether (armed, policy), how (plan, steps, machine), and what was done.

`operate` carries a decided rollback from its first row in the ledger to its alert; the daemon, a command
without a daemon and recovery all come through it. `plan` is the sentence, `machine` runs it.
"""
