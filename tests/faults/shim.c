/* A disk that can lose its power, and one that can fail: preloaded into the server (see shim.py).

SHIM_FOLDER is the folder that is watched. Whenever one of its files was synced, that file's content is copied to
SHIM_SHADOW/<inode>; whenever the folder itself was, a listing of its names goes to SHIM_SHADOW/listing. So the shadow
holds what a power cut leaves: a write, truncation, rename or removal counts once it was synced, and not before.

While the file SHIM_FAILING exists, syncing a write-ahead log fails with EIO; each failure appends a byte to it.
*/
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

typedef int (*Sync)(int);

/* A shadow that is not what was synced would make the test lie. */
static void must(int done, const char *what) {
    if (!done) {
        perror(what);
        abort();
    }
}

static int open_in(const char *folder, const char *name, int flags) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int file = open(path, flags | O_CLOEXEC, 0600);
    must(file >= 0, path);
    return file;
}

static void put_in_place(int file, const char *folder, const char *beside, const char *name) {
    char from[PATH_MAX], to[PATH_MAX];
    snprintf(from, sizeof from, "%s/%s", folder, beside);
    snprintf(to, sizeof to, "%s/%s", folder, name);
    must(close(file) == 0, "shim: close");
    must(rename(from, to) == 0, "shim: rename");
}

/* Reads through the descriptor that was synced: to open the file again and close it would drop SQLite's locks on it. */
static void copy_file(int synced, const char *path, const struct stat *found, const char *shadow) {
    char name[32], held[PATH_MAX];
    snprintf(name, sizeof name, "%lu", (unsigned long)found->st_ino);
    snprintf(held, sizeof held, "%s/held-%s", shadow, name);
    /* A second link, so that the inode's number never goes to another file. */
    must(link(path, held) == 0 || errno == EEXIST, "shim: link");
    int readable = (fcntl(synced, F_GETFL) & O_ACCMODE) != O_WRONLY;
    int from = readable ? synced : open(path, O_RDONLY | O_CLOEXEC);
    must(from >= 0, path);
    int to = open_in(shadow, "new", O_WRONLY | O_CREAT | O_TRUNC);
    off_t done = 0;
    ssize_t moved;
    while ((moved = sendfile(to, from, &done, 1 << 30)) > 0)
        ;
    must(moved == 0, "shim: sendfile");
    put_in_place(to, shadow, "new", name);
    if (!readable)
        close(from);
}

static void list_folder(const char *folder, const char *shadow) {
    int to = open_in(shadow, "new", O_WRONLY | O_CREAT | O_TRUNC);
    DIR *open_folder = opendir(folder);
    must(open_folder != NULL, folder);
    for (struct dirent *entry; (entry = readdir(open_folder));)
        if (entry->d_type == DT_REG)
            must(dprintf(to, "%lu %s\n", (unsigned long)entry->d_ino, entry->d_name) > 0, "shim: list");
    closedir(open_folder);
    put_in_place(to, shadow, "new", "listing");
}

static int failing(const char *path) {
    const char *switched = getenv("SHIM_FAILING");
    size_t length = strlen(path);
    if (!switched || length < 4 || strcmp(path + length - 4, "-wal") != 0)
        return 0;
    int file = open(switched, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (file < 0)
        return 0;
    must(write(file, "x", 1) == 1, "shim: count");
    close(file);
    return 1;
}

static int sync_and_copy(int file, const char *name) {
    Sync real = (Sync)dlsym(RTLD_NEXT, name);
    const char *folder = getenv("SHIM_FOLDER"), *shadow = getenv("SHIM_SHADOW");
    char link_name[64], path[PATH_MAX];
    struct stat found;
    snprintf(link_name, sizeof link_name, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link_name, path, sizeof path - 1);
    if (!folder || !shadow || length <= 0 || fstat(file, &found) != 0)
        return real(file);
    path[length] = 0;
    size_t root = strlen(folder);
    int itself = strcmp(path, folder) == 0;
    int inside = strncmp(path, folder, root) == 0 && path[root] == '/' && !strchr(path + root + 1, '/');
    if (!(itself || (inside && S_ISREG(found.st_mode))))
        return real(file);
    if (failing(path)) {
        errno = EIO;
        return -1;
    }
    /* One at a time, over all processes: else an older copy could take a newer one's place. */
    int lock = open_in(shadow, "lock", O_RDWR | O_CREAT);
    must(flock(lock, LOCK_EX) == 0, "shim: lock");
    int result = real(file), why = errno;
    if (result == 0 && itself)
        list_folder(folder, shadow);
    else if (result == 0 && access(path, F_OK) == 0) /* not of a file that was removed meanwhile */
        copy_file(file, path, &found, shadow);
    close(lock);
    errno = why;
    return result;
}

int fsync(int file) { return sync_and_copy(file, "fsync"); }

int fdatasync(int file) { return sync_and_copy(file, "fdatasync"); }
