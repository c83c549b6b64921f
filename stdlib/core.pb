# core.pb - what every playbook can call that is not about one service.

# The time of this step. Journaled like every read, so a resumed run sees the same time again.
extern action now(): time read

# Lets some time pass, at most a minute: where AWS needs a moment before the next call makes sense. Nothing in a dry run.
extern action pause(time: duration) read
