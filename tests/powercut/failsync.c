/* Makes the sync of a log fail, as a disk that reports an error does.
 *
 *   cc -shared -fPIC -O2 -o failsync.so failsync.c
 *   FAILSYNC_ROOT=/abs/dir FAILSYNC_TRIGGER=/abs/file FAILSYNC_RECORD=/abs/file LD_PRELOAD=./failsync.so program
 *
 * While the file FAILSYNC_TRIGGER exists, fsync and fdatasync of files under FAILSYNC_ROOT whose names end in
 * `.log` do nothing and return EIO. Each such call appends one byte to FAILSYNC_RECORD: `F` if it failed so,
 * `s` if it went to the kernel. FAILSYNC_ROOT has no symbolic links in its path. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_log_below_root(int fd) {
    const char *root = getenv("FAILSYNC_ROOT");
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t got = readlink(link, path, sizeof path - 1);
    if (!root || got < 4) return 0;
    path[got] = 0;
    size_t length = strlen(root);
    return strncmp(path, root, length) == 0 && path[length] == '/' && strcmp(path + got - 4, ".log") == 0;
}

static void record(char what) {
    const char *path = getenv("FAILSYNC_RECORD");
    int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0 || write(fd, &what, 1) != 1) abort();
    close(fd);
}

static int sync_file(int fd, long call) {
    if (!is_log_below_root(fd)) return syscall(call, fd);
    const char *trigger = getenv("FAILSYNC_TRIGGER");
    int fails = trigger && access(trigger, F_OK) == 0;
    record(fails ? 'F' : 's');
    if (!fails) return syscall(call, fd);
    errno = EIO;
    return -1;
}
int fsync(int fd) { return sync_file(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }
