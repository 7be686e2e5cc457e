/* Records every change of the files under a directory, for replay as a power cut would leave them.
 *
 *   cc -shared -fPIC -O2 -pthread -o powerlog.so powerlog.c
 *   POWERLOG_ROOT=/abs/dir POWERLOG_LOG=/abs/log LD_PRELOAD=./powerlog.so program
 *
 * POWERLOG_ROOT is an existing directory, without symbolic links in its path. Each operation that succeeded
 * becomes one record (struct record, then two byte strings) written with one write(2), in the true order: a
 * mutex is held over the operation and its record. Only fsync and fdatasync run outside of it, so they have
 * two records, and what was written in between does not count as synced. Files are named by descriptor; the
 * reader (src/powercut/) follows descriptors and names, so reused inode numbers do no harm.
 *
 * Calls go to the kernel directly. What goes around libc (raw syscalls, io_uring) is not seen: the reader
 * compares its picture with the real directory to find out. So is what stdio writes: RocksDB's LOG, at most.
 * Writable shared mappings end the program. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
    OPEN = 1,        /* fd, a = flags, b = 1 if the file existed, text = path */
    CLOSE = 2,       /* fd */
    DUP = 3,         /* fd, a = new descriptor */
    WRITE = 4,       /* fd, a = offset, data */
    TRUNCATE = 5,    /* fd, a = size; or fd = -1, text = path */
    ALLOCATE = 6,    /* fd, a = mode, b = offset, c = length */
    FSYNC_BEGIN = 7, /* fd */
    FSYNC_END = 8,   /* fd, a = seq of its FSYNC_BEGIN, b = return value, c = 1 for fdatasync */
    RENAME = 9,      /* text = old path, data = new path */
    LINK = 10,       /* text = old path, data = new path */
    UNLINK = 11,     /* text = path, a = 1 for a directory */
    MKDIR = 12,      /* text = path */
};

/* Host byte order; 56 bytes without padding. */
struct record {
    uint32_t total; /* bytes of the record, this header included */
    uint32_t kind;
    uint64_t seq; /* 0, 1, 2, ... */
    int32_t pid;
    int32_t fd;
    int64_t a, b, c;
    uint32_t text_len, data_len;
};

#define MAX_FD 65536
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_len;
static int log_fd = -1;
static uint64_t next_seq;
static unsigned char tracked[MAX_FD];

static void die(const char *why) {
    static const char prefix[] = "powerlog: ";
    syscall(SYS_write, 2, prefix, sizeof prefix - 1);
    syscall(SYS_write, 2, why, strlen(why));
    syscall(SYS_write, 2, "\n", 1);
    abort();
}

__attribute__((constructor)) static void start(void) {
    const char *dir = getenv("POWERLOG_ROOT"), *log = getenv("POWERLOG_LOG");
    if (!dir || !log) return;
    if (dir[0] != '/' || strlen(dir) >= sizeof root) die("POWERLOG_ROOT is not an absolute path");
    log_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (log_fd < 0) die("cannot open POWERLOG_LOG");
    strcpy(root, dir);
    root_len = strlen(root);
    unsetenv("LD_PRELOAD"); /* children are not recorded */
}

static int is_tracked(int fd) { return fd >= 0 && fd < MAX_FD && tracked[fd]; }

static void append_record(enum kind kind, int fd, int64_t a, int64_t b, int64_t c, const char *text,
                          const void *data, size_t data_len) {
    struct record record = {0};
    size_t text_len = text ? strlen(text) : 0;
    record.total = sizeof record + text_len + data_len;
    record.kind = kind;
    record.seq = next_seq++;
    record.pid = getpid();
    record.fd = fd;
    record.a = a, record.b = b, record.c = c;
    record.text_len = text_len, record.data_len = data_len;
    struct iovec parts[3] = {{&record, sizeof record}, {(void *)text, text_len}, {(void *)data, data_len}};
    if (syscall(SYS_writev, log_fd, parts, 3) != (long)record.total) die("cannot write the log");
}

/* Absolute form of a path into out (PATH_MAX); 0 if there is none. Lexical: no symbolic links below root. */
static int absolute(int dir, const char *path, char *out) {
    char joined[2 * PATH_MAX];
    size_t used = 0;
    if (path[0] != '/') {
        char link[64] = "/proc/self/cwd";
        if (dir != AT_FDCWD) snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
        long got = syscall(SYS_readlinkat, AT_FDCWD, link, joined, PATH_MAX - 1);
        if (got <= 0 || joined[0] != '/') return 0;
        used = got;
        joined[used++] = '/';
    }
    if (strlen(path) >= PATH_MAX) return 0;
    strcpy(joined + used, path);
    size_t end = 0;
    char *rest;
    for (char *part = strtok_r(joined, "/", &rest); part; part = strtok_r(0, "/", &rest)) {
        if (strcmp(part, "..") == 0) {
            while (end > 0 && out[--end] != '/') {
            }
        } else if (strcmp(part, ".") != 0) {
            if (end + strlen(part) + 2 > PATH_MAX) return 0;
            out[end++] = '/';
            strcpy(out + end, part);
            end += strlen(part);
        }
    }
    out[end] = 0;
    return 1;
}

/* The path below root, "" for root itself, or NULL if it is elsewhere. `out` has PATH_MAX bytes. */
static const char *below_root(int dir, const char *path, char *out) {
    if (log_fd < 0 || !path || !absolute(dir, path, out)) return 0;
    if (strncmp(out, root, root_len) != 0) return 0;
    if (out[root_len] == 0) return out + root_len;
    return out[root_len] == '/' ? out + root_len + 1 : 0;
}

/* Between begin and end nothing else is recorded. Who holds an exclusive flock on the log, and then kills the
 * program, does so between two operations and not between an operation and its record. */
static void begin(void) {
    pthread_mutex_lock(&lock);
    while (syscall(SYS_flock, log_fd, LOCK_SH) != 0) {
        if (errno != EINTR) die("cannot lock the log");
    }
}

static void end_keeping_errno(void) {
    int saved = errno;
    syscall(SYS_flock, log_fd, LOCK_UN);
    pthread_mutex_unlock(&lock);
    errno = saved;
}

/* ------------------------------------------------------------------ descriptors */

static int open_at(int dir, const char *path, int flags, mode_t mode) {
    char buffer[PATH_MAX];
    const char *name = below_root(dir, path, buffer);
    if (!name) return syscall(SYS_openat, dir, path, flags, mode);
    if ((flags & O_TMPFILE) == O_TMPFILE) die("O_TMPFILE is not modelled");
    begin();
    int existed = !(flags & O_CREAT) || syscall(SYS_faccessat, dir, path, F_OK) == 0;
    int fd = syscall(SYS_openat, dir, path, flags, mode);
    if (fd >= MAX_FD) die("too many descriptors");
    if (fd >= 0) {
        tracked[fd] = 1;
        append_record(OPEN, fd, flags, existed, 0, name, 0, 0);
    }
    end_keeping_errno();
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
#define OPEN_FUNCTION(name)                            \
    int name(const char *path, int flags, ...) {       \
        MODE_ARGUMENT(flags, flags)                    \
        return open_at(AT_FDCWD, path, flags, mode);   \
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
int __open_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __openat_2(int dir, const char *path, int flags) { return open_at(dir, path, flags, 0); }
int __openat64_2(int dir, const char *path, int flags) { return open_at(dir, path, flags, 0); }
int creat(const char *path, mode_t mode) {
    return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int close(int fd) {
    if (!is_tracked(fd)) return syscall(SYS_close, fd);
    begin();
    tracked[fd] = 0;
    append_record(CLOSE, fd, 0, 0, 0, 0, 0, 0);
    int result = syscall(SYS_close, fd);
    end_keeping_errno();
    return result;
}

/* libc closes these descriptors behind its own back. */
int closedir(DIR *dir) {
    static int (*real)(DIR *);
    if (!real) real = (int (*)(DIR *))dlsym(RTLD_NEXT, "closedir");
    int fd = dirfd(dir);
    if (!is_tracked(fd)) return real(dir);
    begin();
    tracked[fd] = 0;
    append_record(CLOSE, fd, 0, 0, 0, 0, 0, 0);
    int result = real(dir);
    end_keeping_errno();
    return result;
}
int fclose(FILE *file) {
    static int (*real)(FILE *);
    if (!real) real = (int (*)(FILE *))dlsym(RTLD_NEXT, "fclose");
    int fd = fileno(file);
    if (!is_tracked(fd)) return real(file);
    begin();
    tracked[fd] = 0;
    append_record(CLOSE, fd, 0, 0, 0, 0, 0, 0);
    int result = real(file);
    end_keeping_errno();
    return result;
}

static int duplicate(int fd, long call, long argument1, long argument2) {
    begin();
    int copy = call == SYS_dup ? syscall(call, fd) : syscall(call, fd, argument1, argument2);
    if (copy >= MAX_FD) die("too many descriptors");
    if (copy >= 0 && copy != fd) {
        if (is_tracked(copy)) append_record(CLOSE, copy, 0, 0, 0, 0, 0, 0);
        tracked[copy] = is_tracked(fd);
        if (is_tracked(fd)) append_record(DUP, fd, copy, 0, 0, 0, 0, 0);
    }
    end_keeping_errno();
    return copy;
}

int dup(int fd) { return duplicate(fd, SYS_dup, 0, 0); }
int dup3(int fd, int to, int flags) { return duplicate(fd, SYS_dup3, to, flags); }
int dup2(int fd, int to) { return fd == to ? to : duplicate(fd, SYS_dup3, to, 0); }

static int control(int fd, int command, long argument) {
    if ((command == F_DUPFD || command == F_DUPFD_CLOEXEC) && is_tracked(fd))
        return duplicate(fd, SYS_fcntl, command, argument);
    return syscall(SYS_fcntl, fd, command, argument);
}
#define FCNTL_FUNCTION(name)                            \
    int name(int fd, int command, ...) {                \
        va_list arguments;                              \
        va_start(arguments, command);                   \
        long argument = va_arg(arguments, long);        \
        va_end(arguments);                              \
        return control(fd, command, argument);          \
    }
FCNTL_FUNCTION(fcntl)
FCNTL_FUNCTION(fcntl64)

/* ---------------------------------------------------------------------- content */

ssize_t write(int fd, const void *data, size_t size) {
    if (!is_tracked(fd)) return syscall(SYS_write, fd, data, size);
    begin();
    ssize_t done = syscall(SYS_write, fd, data, size);
    if (done > 0) append_record(WRITE, fd, syscall(SYS_lseek, fd, 0, SEEK_CUR) - done, 0, 0, 0, data, done);
    end_keeping_errno();
    return done;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    if (!is_tracked(fd)) return syscall(SYS_pwrite64, fd, data, size, offset);
    begin();
    ssize_t done = syscall(SYS_pwrite64, fd, data, size, offset);
    if (done > 0) append_record(WRITE, fd, offset, 0, 0, 0, data, done);
    end_keeping_errno();
    return done;
}
ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset) { return pwrite(fd, data, size, offset); }

/* The vectored forms write one joined buffer: fewer cases, same effect. */
static char *join(const struct iovec *parts, int count, size_t *size) {
    *size = 0;
    for (int i = 0; i < count; i++) *size += parts[i].iov_len;
    char *all = malloc(*size + 1);
    if (!all) die("out of memory");
    size_t used = 0;
    for (int i = 0; i < count; used += parts[i++].iov_len) memcpy(all + used, parts[i].iov_base, parts[i].iov_len);
    return all;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (!is_tracked(fd)) return syscall(SYS_writev, fd, parts, count);
    size_t size;
    char *all = join(parts, count, &size);
    ssize_t done = write(fd, all, size);
    free(all);
    return done;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    if (!is_tracked(fd)) return syscall(SYS_pwritev, fd, parts, (long)count, (long)offset, 0L);
    size_t size;
    char *all = join(parts, count, &size);
    ssize_t done = pwrite(fd, all, size, offset);
    free(all);
    return done;
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t offset) {
    return pwritev(fd, parts, count, offset);
}

ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
    if (!is_tracked(fd)) return syscall(SYS_pwritev2, fd, parts, (long)count, (long)offset, 0L, flags);
    if (flags) die("flags of pwritev2 are not modelled");
    return offset == -1 ? writev(fd, parts, count) : pwritev(fd, parts, count, offset);
}
ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
    return pwritev2(fd, parts, count, offset, flags);
}

int ftruncate(int fd, off_t size) {
    if (!is_tracked(fd)) return syscall(SYS_ftruncate, fd, size);
    begin();
    int result = syscall(SYS_ftruncate, fd, size);
    if (result == 0) append_record(TRUNCATE, fd, size, 0, 0, 0, 0, 0);
    end_keeping_errno();
    return result;
}
int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }

int truncate(const char *path, off_t size) {
    char buffer[PATH_MAX];
    const char *name = below_root(AT_FDCWD, path, buffer);
    if (!name) return syscall(SYS_truncate, path, size);
    begin();
    int result = syscall(SYS_truncate, path, size);
    if (result == 0) append_record(TRUNCATE, -1, size, 0, 0, name, 0, 0);
    end_keeping_errno();
    return result;
}
int truncate64(const char *path, off_t size) { return truncate(path, size); }

int fallocate(int fd, int mode, off_t offset, off_t size) {
    if (!is_tracked(fd)) return syscall(SYS_fallocate, fd, mode, offset, size);
    begin();
    int result = syscall(SYS_fallocate, fd, mode, offset, size);
    if (result == 0) append_record(ALLOCATE, fd, mode, offset, size, 0, 0, 0);
    end_keeping_errno();
    return result;
}
int fallocate64(int fd, int mode, off_t offset, off_t size) { return fallocate(fd, mode, offset, size); }
int posix_fallocate(int fd, off_t offset, off_t size) { return fallocate(fd, 0, offset, size) ? errno : 0; }
int posix_fallocate64(int fd, off_t offset, off_t size) { return posix_fallocate(fd, offset, size); }

/* Callers fall back to write. */
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

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
    if (is_tracked(fd) && (flags & MAP_SHARED) && (protection & PROT_WRITE)) die("a writable mapping of a file");
    return (void *)syscall(SYS_mmap, address, size, protection, flags, fd, offset);
}
void *mmap64(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
    return mmap(address, size, protection, flags, fd, offset);
}

/* sync_file_range promises nothing about a power cut (sync_file_range(2)), so it is neither recorded nor wrapped. */
static int sync_file(int fd, long call) {
    if (!is_tracked(fd)) return syscall(call, fd);
    begin();
    int64_t begin_seq = next_seq;
    append_record(FSYNC_BEGIN, fd, 0, 0, 0, 0, 0, 0);
    end_keeping_errno();
    int result = syscall(call, fd);
    begin();
    append_record(FSYNC_END, fd, begin_seq, result, call == SYS_fdatasync, 0, 0, 0);
    end_keeping_errno();
    return result;
}
int fsync(int fd) { return sync_file(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }

/* ------------------------------------------------------------------------ names */

static int rename_at(int old_dir, const char *old, int new_dir, const char *new, unsigned flags) {
    char old_buffer[PATH_MAX], new_buffer[PATH_MAX];
    const char *from = below_root(old_dir, old, old_buffer), *to = below_root(new_dir, new, new_buffer);
    if (!from && !to) return syscall(SYS_renameat2, old_dir, old, new_dir, new, flags);
    if (!from || !to) die("a rename in or out of the root is not modelled");
    if (flags & ~1u /* RENAME_NOREPLACE */) die("this kind of rename is not modelled");
    begin();
    int result = syscall(SYS_renameat2, old_dir, old, new_dir, new, flags);
    if (result == 0) append_record(RENAME, -1, 0, 0, 0, from, to, strlen(to));
    end_keeping_errno();
    return result;
}
int rename(const char *old, const char *new) { return rename_at(AT_FDCWD, old, AT_FDCWD, new, 0); }
int renameat(int old_dir, const char *old, int new_dir, const char *new) {
    return rename_at(old_dir, old, new_dir, new, 0);
}
int renameat2(int old_dir, const char *old, int new_dir, const char *new, unsigned flags) {
    return rename_at(old_dir, old, new_dir, new, flags);
}

int linkat(int old_dir, const char *old, int new_dir, const char *new, int flags) {
    char old_buffer[PATH_MAX], new_buffer[PATH_MAX];
    const char *from = below_root(old_dir, old, old_buffer), *to = below_root(new_dir, new, new_buffer);
    if (!to) return syscall(SYS_linkat, old_dir, old, new_dir, new, flags);
    if (!from) die("a link into the root is not modelled");
    begin();
    int result = syscall(SYS_linkat, old_dir, old, new_dir, new, flags);
    if (result == 0) append_record(LINK, -1, 0, 0, 0, from, to, strlen(to));
    end_keeping_errno();
    return result;
}
int link(const char *old, const char *new) { return linkat(AT_FDCWD, old, AT_FDCWD, new, 0); }

int unlinkat(int dir, const char *path, int flags) {
    char buffer[PATH_MAX];
    const char *name = below_root(dir, path, buffer);
    if (!name) return syscall(SYS_unlinkat, dir, path, flags);
    begin();
    int result = syscall(SYS_unlinkat, dir, path, flags);
    if (result == 0) append_record(UNLINK, -1, !!(flags & AT_REMOVEDIR), 0, 0, name, 0, 0);
    end_keeping_errno();
    return result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
    return unlink(path) == 0 || (errno == EISDIR && rmdir(path) == 0) ? 0 : -1;
}

int mkdirat(int dir, const char *path, mode_t mode) {
    char buffer[PATH_MAX];
    const char *name = below_root(dir, path, buffer);
    if (!name) return syscall(SYS_mkdirat, dir, path, mode);
    begin();
    int result = syscall(SYS_mkdirat, dir, path, mode);
    if (result == 0) append_record(MKDIR, -1, 0, 0, 0, name, 0, 0);
    end_keeping_errno();
    return result;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int symlinkat(const char *target, int dir, const char *path) {
    char buffer[PATH_MAX];
    if (below_root(dir, path, buffer)) die("symbolic links are not modelled");
    return syscall(SYS_symlinkat, target, dir, path);
}
int symlink(const char *target, const char *path) { return symlinkat(target, AT_FDCWD, path); }
