/* Faults at the n-th write, fsync or rename of regular files, for LD_PRELOAD. The environment says which, anew for each
   call, so that a process may ask for its own: FAULT_AT n from 1 (0: count alone), FAULT_KIND kill, enospc, eio or short,
   FAULT_COUNT a file that holds a byte for each call, FAULT_UNDER the folder whose files alone are meant (the interpreter
   keeps bytecode of its own, a measuring one its counts). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static long calls = 0;

static int due(void) {
    const char *at = getenv("FAULT_AT"), *count = getenv("FAULT_COUNT");
    if (at == NULL) return 0;
    calls++;
    if (count != NULL) {
        static ssize_t (*real)(int, const void *, size_t) = NULL;
        if (real == NULL) real = dlsym(RTLD_NEXT, "write");
        int file = open(count, O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (file >= 0) { (void)!real(file, ".", 1); close(file); }
    }
    return calls == atol(at);
}

static int failed(void) { /* whether the call fails, with errno; a kill does not return */
    const char *kind = getenv("FAULT_KIND");
    if (kind == NULL) return 0;
    if (strcmp(kind, "kill") == 0) kill(getpid(), SIGKILL);
    if (strcmp(kind, "enospc") == 0) { errno = ENOSPC; return 1; }
    if (strcmp(kind, "eio") == 0) { errno = EIO; return 1; }
    return 0;
}

static int meant(const char *path) { /* a relative path is of the working folder, which is meant */
    const char *under = getenv("FAULT_UNDER");
    return under == NULL || path[0] != '/' || strncmp(path, under, strlen(under)) == 0;
}

static int regular(int file) {
    struct stat about;
    char link[40], path[4096];
    int before = errno, is = fstat(file, &about) == 0 && S_ISREG(about.st_mode);
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = is ? readlink(link, path, sizeof path - 1) : -1;
    if (length >= 0) path[length] = 0;
    errno = before;
    return length >= 0 && meant(path);
}

ssize_t write(int file, const void *data, size_t size) {
    static ssize_t (*real)(int, const void *, size_t) = NULL;
    if (real == NULL) real = dlsym(RTLD_NEXT, "write");
    if (file > 2 && getenv("FAULT_AT") != NULL && regular(file) && due()) {
        if (failed()) return -1;
        const char *kind = getenv("FAULT_KIND");
        if (kind != NULL && strcmp(kind, "short") == 0 && size > 1) return real(file, data, size / 2);
    }
    return real(file, data, size);
}

int fsync(int file) {
    static int (*real)(int) = NULL;
    if (real == NULL) real = dlsym(RTLD_NEXT, "fsync");
    if (getenv("FAULT_AT") != NULL && regular(file) && due() && failed()) return -1;
    return real(file);
}

int rename(const char *from, const char *to) {
    static int (*real)(const char *, const char *) = NULL;
    if (real == NULL) real = dlsym(RTLD_NEXT, "rename");
    if (meant(from) && due() && failed()) return -1;
    return real(from, to);
}
