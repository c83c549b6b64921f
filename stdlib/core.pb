# core.pb - what every playbook can call that is not about one service.

# The time of this step. Journaled like every read, so a resumed run sees the same time again.
extern action now(): time read

# Are these the same text, or both absent? (`==` is false when either is absent.)
fn core.same(a: string?, b: string?): bool = a == b or not (a exists or b exists)

# Lets some time pass, at most a minute: where AWS needs a moment before the next call makes sense. Nothing in a dry run.
extern action pause(time: duration) read
