/*
 * launch.c - starts a command once and prints what it took: wall and CPU microseconds, peak kilobytes, exit status. A process of
 * its own, because starting commands from Python costs as much as what is measured, and charges them with Python's memory.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static long long now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

int main(int argc, char **argv) {
    posix_spawn_file_actions_t null;
    struct rusage u;
    pid_t pid;
    int status;
    if (argc < 2 || posix_spawn_file_actions_init(&null) != 0) return 2;
    for (int fd = 0; fd < 3; fd++) posix_spawn_file_actions_addopen(&null, fd, "/dev/null", O_RDWR, 0);
    long long start = now_us();
    if (posix_spawnp(&pid, argv[1], &null, NULL, argv + 1, environ) != 0 || wait4(pid, &status, 0, &u) != pid) return 2;
    long long wall = now_us() - start;
    long long cpu = (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000LL + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
    printf("%lld %lld %ld %d\n", wall, cpu, u.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : 128);
    return 0;
}
