/* Makes system calls on files fail at random, as a bad disk, a full one or a slow one does.
 *
 *   cc -shared -fPIC -O2 -o faults.so faults.c
 *   FAULTS_ROOTS=/abs/dir:/abs/file FAULTS_CONTROL=/abs/control LD_PRELOAD=./faults.so program
 *
 * Calls on files at or below one of FAULTS_ROOTS (without symbolic links) meet a fault once in `one_in` calls, of one of the
 * `kinds` that fit the call. FAULTS_CONTROL holds a struct control in host byte order; it is mapped, so that whoever writes to it
 * changes the rate of a running program, and sees what it has met. Which calls fail is decided by `seed` and the number of the
 * call. What goes around libc, such as the reads and writes of stdio, is left alone. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind {
    WRITE_EIO,    /* a part may have been written */
    WRITE_ENOSPC, /* as above */
    WRITE_SHORT,  /* a part is written, and the call says so */
    SYNC_EIO,
    SYNC_ENOSPC,
    SYNC_SLOW, /* takes slow_ms longer */
    READ_EIO,
    NAME_EIO, /* open, rename, link, unlink, mkdir */
    NAME_ENOSPC,
    KINDS
};
#define WRITES (1u << WRITE_EIO | 1u << WRITE_ENOSPC | 1u << WRITE_SHORT)
#define SYNCS (1u << SYNC_EIO | 1u << SYNC_ENOSPC | 1u << SYNC_SLOW)
#define NEW_NAMES (1u << NAME_EIO | 1u << NAME_ENOSPC)

struct control {
    uint32_t one_in; /* 0: no faults */
    uint32_t kinds;  /* one bit each */
    uint32_t slow_ms;
    uint32_t most; /* faults left; 0: no limit */
    uint64_t seed;
    uint64_t calls;
    uint64_t met[KINDS];
};

#define MAX_FD 65536
#define NONE (-1)
static struct control *control;
static const char *roots;
static unsigned char tracked[MAX_FD];

static int below_roots(const char *path) {
    for (const char *root = roots; root && *root;) {
        size_t length = strcspn(root, ":");
        if (strncmp(path, root, length) == 0 && (path[length] == 0 || path[length] == '/')) return 1;
        root += length + (root[length] == ':');
    }
    return 0;
}

static int is_tracked(int fd) { return fd >= 0 && fd < MAX_FD && tracked[fd]; }

static int concerns(int dir, const char *path) {
    if (!control || !path) return 0;
    return path[0] == '/' ? below_roots(path) : is_tracked(dir);
}

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("FAULTS_CONTROL");
    roots = getenv("FAULTS_ROOTS");
    int fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;
    if (fd < 0) return;
    void *mapped = (void *)syscall(SYS_mmap, 0L, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0L);
    syscall(SYS_close, fd);
    if (mapped == MAP_FAILED) abort();
    control = mapped;
    for (int inherited = 1; inherited <= 2; inherited++) {
        char link[64], target[PATH_MAX];
        snprintf(link, sizeof link, "/proc/self/fd/%d", inherited);
        ssize_t got = readlink(link, target, sizeof target - 1);
        if (got > 0) {
            target[got] = 0;
            tracked[inherited] = below_roots(target);
        }
    }
}

static uint64_t mix(uint64_t value) { /* SplitMix64 */
    value += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

/* The fault that this call meets, and a random number. */
static int fault(uint32_t fitting, uint64_t *random) {
    uint32_t one_in = control ? __atomic_load_n(&control->one_in, __ATOMIC_RELAXED) : 0;
    fitting &= control ? control->kinds : 0;
    if (!one_in || !fitting) return NONE;
    *random = mix(control->seed + __atomic_fetch_add(&control->calls, 1, __ATOMIC_RELAXED));
    if (*random % one_in) return NONE;
    if (control->most && __atomic_fetch_sub(&control->most, 1, __ATOMIC_RELAXED) == 1) control->one_in = 0;
    int chosen = (*random >> 32) % __builtin_popcount(fitting);
    for (int kind = 0; kind < KINDS; kind++)
        if (fitting & 1u << kind && chosen-- == 0) {
            __atomic_fetch_add(&control->met[kind], 1, __ATOMIC_RELAXED);
            return kind;
        }
    return NONE;
}

static int fails(uint32_t fitting) {
    uint64_t random;
    int kind = fault(fitting, &random);
    if (kind == NONE) return 0;
    errno = kind == WRITE_ENOSPC || kind == SYNC_ENOSPC || kind == NAME_ENOSPC ? ENOSPC : EIO;
    return 1;
}

/* ------------------------------------------------------------------ descriptors */

static int open_at(int dir, const char *path, int flags, mode_t mode) {
    int ours = concerns(dir, path);
    if (ours && fails(flags & O_CREAT ? NEW_NAMES : 1u << NAME_EIO)) return -1;
    int fd = syscall(SYS_openat, dir, path, flags, mode);
    if (fd >= 0 && fd < MAX_FD) tracked[fd] = ours;
    return fd;
}

#define MODE_ARGUMENT(flags, last)                                    \
    mode_t mode = 0;                                                  \
    if ((flags) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) {           \
        va_list arguments;                                            \
        va_start(arguments, last);                                    \
        mode = va_arg(arguments, mode_t);                             \
        va_end(arguments);                                            \
    }
#define OPEN_FUNCTION(name)                          \
    int name(const char *path, int flags, ...) {     \
        MODE_ARGUMENT(flags, flags)                  \
        return open_at(AT_FDCWD, path, flags, mode); \
    }
#define OPENAT_FUNCTION(name)                             \
    int name(int dir, const char *path, int flags, ...) { \
        MODE_ARGUMENT(flags, flags)                       \
        return open_at(dir, path, flags, mode);           \
    }
OPEN_FUNCTION(open)
OPEN_FUNCTION(open64)
OPENAT_FUNCTION(openat)
OPENAT_FUNCTION(openat64)

int close(int fd) {
    if (is_tracked(fd)) tracked[fd] = 0;
    return syscall(SYS_close, fd);
}

static int control_of(int fd, int command, long argument) {
    int result = syscall(SYS_fcntl, fd, command, argument);
    int copies = command == F_DUPFD || command == F_DUPFD_CLOEXEC;
    if (copies && result >= 0 && result < MAX_FD) tracked[result] = is_tracked(fd);
    return result;
}
#define FCNTL_FUNCTION(name)                            \
    int name(int fd, int command, ...) {                \
        va_list arguments;                              \
        va_start(arguments, command);                   \
        long argument = va_arg(arguments, long);        \
        va_end(arguments);                              \
        return control_of(fd, command, argument);       \
    }
FCNTL_FUNCTION(fcntl)
FCNTL_FUNCTION(fcntl64)

/* ---------------------------------------------------------------------- content */

/* What is done instead of a write of `size` bytes by `call`: 0 when it is to be done as asked, else its result. */
static int write_fails(int fd, long call, const void *data, size_t size, off_t offset, ssize_t *result) {
    uint64_t random;
    int kind = is_tracked(fd) && size ? fault(WRITES, &random) : NONE;
    if (kind == NONE) return 0;
    size_t part = (random >> 16) % size;
    *result = part ? syscall(call, fd, data, part, offset) : 0;
    if (kind == WRITE_SHORT && *result > 0) return 1;
    if (kind == WRITE_SHORT) return 0;
    errno = kind == WRITE_ENOSPC ? ENOSPC : EIO;
    *result = -1;
    return 1;
}

ssize_t write(int fd, const void *data, size_t size) {
    ssize_t result;
    return write_fails(fd, SYS_write, data, size, 0, &result) ? result : syscall(SYS_write, fd, data, size);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    ssize_t result;
    if (write_fails(fd, SYS_pwrite64, data, size, offset, &result)) return result;
    return syscall(SYS_pwrite64, fd, data, size, offset);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset) { return pwrite(fd, data, size, offset); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
    ssize_t result;
    if (count > 0 && write_fails(fd, SYS_write, parts[0].iov_base, parts[0].iov_len, 0, &result)) return result;
    return syscall(SYS_writev, fd, parts, count);
}

ssize_t read(int fd, void *data, size_t size) {
    if (is_tracked(fd) && fails(1u << READ_EIO)) return -1;
    return syscall(SYS_read, fd, data, size);
}
ssize_t pread(int fd, void *data, size_t size, off_t offset) {
    if (is_tracked(fd) && fails(1u << READ_EIO)) return -1;
    return syscall(SYS_pread64, fd, data, size, offset);
}
ssize_t pread64(int fd, void *data, size_t size, off_t offset) { return pread(fd, data, size, offset); }

int ftruncate(int fd, off_t size) {
    if (is_tracked(fd) && fails(1u << WRITE_EIO | 1u << WRITE_ENOSPC)) return -1;
    return syscall(SYS_ftruncate, fd, size);
}
int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }

int fallocate(int fd, int mode, off_t offset, off_t size) {
    if (is_tracked(fd) && fails(1u << WRITE_EIO | 1u << WRITE_ENOSPC)) return -1;
    return syscall(SYS_fallocate, fd, mode, offset, size);
}
int fallocate64(int fd, int mode, off_t offset, off_t size) { return fallocate(fd, mode, offset, size); }

/* Callers fall back to read and write. */
ssize_t copy_file_range(int in, off_t *in_at, int out, off_t *out_at, size_t size, unsigned flags) {
    if (!is_tracked(out)) return syscall(SYS_copy_file_range, in, in_at, out, out_at, size, flags);
    errno = ENOSYS;
    return -1;
}
ssize_t sendfile(int out, int in, off_t *at, size_t size) {
    if (!is_tracked(out)) return syscall(SYS_sendfile, out, in, at, size);
    errno = ENOSYS;
    return -1;
}
ssize_t sendfile64(int out, int in, off_t *at, size_t size) { return sendfile(out, in, at, size); }

static int sync_file(int fd, long call) {
    uint64_t random;
    int kind = is_tracked(fd) ? fault(SYNCS, &random) : NONE;
    if (kind == SYNC_SLOW) {
        struct timespec time = {control->slow_ms / 1000, control->slow_ms % 1000 * 1000000L};
        nanosleep(&time, 0);
    }
    if (kind == NONE || kind == SYNC_SLOW) return syscall(call, fd);
    errno = kind == SYNC_ENOSPC ? ENOSPC : EIO;
    return -1;
}
int fsync(int fd) { return sync_file(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }

/* ------------------------------------------------------------------------ names */

static int rename_at(int old_dir, const char *old, int new_dir, const char *new, unsigned flags) {
    if (concerns(new_dir, new) && fails(NEW_NAMES)) return -1;
    return syscall(SYS_renameat2, old_dir, old, new_dir, new, flags);
}
int rename(const char *old, const char *new) { return rename_at(AT_FDCWD, old, AT_FDCWD, new, 0); }
int renameat(int old_dir, const char *old, int new_dir, const char *new) {
    return rename_at(old_dir, old, new_dir, new, 0);
}
int renameat2(int old_dir, const char *old, int new_dir, const char *new, unsigned flags) {
    return rename_at(old_dir, old, new_dir, new, flags);
}

int linkat(int old_dir, const char *old, int new_dir, const char *new, int flags) {
    if (concerns(new_dir, new) && fails(NEW_NAMES)) return -1;
    return syscall(SYS_linkat, old_dir, old, new_dir, new, flags);
}
int link(const char *old, const char *new) { return linkat(AT_FDCWD, old, AT_FDCWD, new, 0); }

int unlinkat(int dir, const char *path, int flags) {
    if (concerns(dir, path) && fails(1u << NAME_EIO)) return -1;
    return syscall(SYS_unlinkat, dir, path, flags);
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int dir, const char *path, mode_t mode) {
    if (concerns(dir, path) && fails(NEW_NAMES)) return -1;
    return syscall(SYS_mkdirat, dir, path, mode);
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
