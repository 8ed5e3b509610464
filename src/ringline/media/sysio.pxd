# The few system calls of the media thread, as C functions with plain integer arguments.
from libc.stdint cimport uint32_t, uint64_t


cdef extern from *:
    """
    #ifndef RINGLINE_SYSIO
    #define RINGLINE_SYSIO
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <errno.h>
    #include <netinet/in.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/epoll.h>
    #include <sys/random.h>
    #include <sys/socket.h>
    #include <sys/timerfd.h>
    #include <time.h>
    #include <unistd.h>

    static inline int ringline_timer(long long interval_ns) {
        int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
        struct itimerspec spec;
        memset(&spec, 0, sizeof spec);
        spec.it_interval.tv_sec = interval_ns / 1000000000;
        spec.it_interval.tv_nsec = interval_ns % 1000000000;
        spec.it_value = spec.it_interval;
        if (fd >= 0 && timerfd_settime(fd, 0, &spec, NULL) != 0) { close(fd); return -1; }
        return fd;
    }
    static inline void ringline_wait(int timer) {
        uint64_t expirations;
        /* How many is told by the clock; EINTR only means an early look at it. */
        if (read(timer, &expirations, sizeof expirations) < 0) return;
    }
    static inline void ringline_signal(int eventfd) {
        uint64_t one = 1;
        /* EAGAIN means that the counter is full: the reader has a reason to wake up already. */
        if (write(eventfd, &one, sizeof one) < 0) return;
    }
    static inline long long ringline_now(void) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * 1000000000LL + now.tv_nsec;
    }
    static inline int ringline_ready(int epoll, int *fds, int *ends, int most) {
        struct epoll_event events[256];
        int count = epoll_wait(epoll, events, most < 256 ? most : 256, 0);
        for (int i = 0; i < count; i++) {
            fds[i] = events[i].data.fd;
            ends[i] = (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
        }
        return count;
    }
    static inline int ringline_receive(int fd, unsigned char *data, int size, long long *source) {
        struct sockaddr_in from;
        socklen_t length = sizeof from;
        ssize_t count = recvfrom(fd, data, size, MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&from, &length);
        if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? -1 : -2;
        *source = (long long)ntohl(from.sin_addr.s_addr) << 16 | ntohs(from.sin_port);
        return count > size ? 0 : (int)count;
    }
    static inline int ringline_send(int fd, const unsigned char *data, int size, long long to) {
        struct sockaddr_in address;
        memset(&address, 0, sizeof address);
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl((uint32_t)(to >> 16));
        address.sin_port = htons((uint16_t)(to & 65535));
        return (int)sendto(fd, data, size, MSG_DONTWAIT, (struct sockaddr *)&address, sizeof address);
    }
    /* From a stream of octets: how many came, 0 at its end, −1 if none wait, else −(errno + 1) of a broken
       connection. */
    static inline int ringline_read(int fd, unsigned char *data, int size) {
        ssize_t count = recv(fd, data, size, MSG_DONTWAIT);
        if (count >= 0) return (int)count;
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? -1 : -(errno + 1);
    }
    static inline int ringline_write(int fd, const unsigned char *data, int size) {
        ssize_t count = send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count >= 0) return (int)count;
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? -1 : -(errno + 1);
    }
    static inline void ringline_random(unsigned char *data, int size) {
        /* Up to 256 octets come whole and at once when the system has been up for a moment (getrandom(2)). */
        if (getrandom(data, size, 0) != size) abort();
    }
    #endif
    """
    int ringline_timer(long long interval_ns) noexcept nogil
    void ringline_wait(int timer) noexcept nogil
    void ringline_signal(int eventfd) noexcept nogil
    long long ringline_now() noexcept nogil
    int ringline_ready(int epoll, int *fds, int *ends, int most) noexcept nogil
    int ringline_receive(int fd, unsigned char *data, int size, long long *source) noexcept nogil
    int ringline_send(int fd, const unsigned char *data, int size, long long to) noexcept nogil
    int ringline_read(int fd, unsigned char *data, int size) noexcept nogil
    int ringline_write(int fd, const unsigned char *data, int size) noexcept nogil
    void ringline_random(unsigned char *data, int size) noexcept nogil
