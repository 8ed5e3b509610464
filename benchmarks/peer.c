/* N phones: send PCMU every 20 ms, take the kernel's arrival time of everything that comes back.

   usage: peer N          prints "ports P1 … PN", then obeys lines on standard input:
     to I HOST PORT       where phone I sends
     send on | off        all phones that know where
     reset                forget the figures
     report               print them, JSON
     watch I              print "first I NS" (UTC) for the next packet of phone I that is not silent */
#include "wire.h"

#define SLOT (5 * MILLISECOND)
#define GAP (40 * MILLISECOND) /* a packet twice as late as it should be is a gap that can be heard */

typedef struct {
    int fd, known, watched;
    struct sockaddr_in to;
    uint16_t sequence;
    uint32_t timestamp;
    int64_t next, last;
} Phone;

static Phone *phones;
static int count, sending;
static int64_t sent, received, silent, gaps, unsent;
static Samples jitter, trip;

static void reset(void) {
    sent = received = silent = gaps = unsent = 0;
    jitter.count = trip.count = 0;
    for (int i = 0; i < count; i++) phones[i].last = 0;
}

static void speak(Phone *phone, int number, int64_t now) {
    uint8_t packet[RTP_HEADER + FRAME];
    uint32_t ssrc = htonl(0x70656572 + number), timestamp = htonl(phone->timestamp);
    uint16_t sequence = htons(phone->sequence);
    packet[0] = 0x80;
    packet[1] = 0;
    memcpy(packet + 2, &sequence, 2);
    memcpy(packet + 4, &timestamp, 4);
    memcpy(packet + 8, &ssrc, 4);
    memset(packet + RTP_HEADER, 0x2a, FRAME);
    write_stamp(packet + RTP_HEADER, utc_ns());
    phone->sequence++;
    phone->timestamp += FRAME;
    phone->next += 20 * MILLISECOND;
    if (phone->next < now) phone->next = now;
    if (sendto(phone->fd, packet, sizeof packet, 0, (struct sockaddr *)&phone->to, sizeof phone->to) < 0)
        unsent++;
    else
        sent++;
}

static void heard(Phone *phone, int number, const uint8_t *packet, int size, int64_t at) {
    if (size <= RTP_HEADER || (packet[0] & 0xc0) != 0x80) return;
    const uint8_t *payload = packet + RTP_HEADER;
    int quiet = is_silent(payload, size - RTP_HEADER);
    received++;
    silent += quiet;
    if (phone->watched && !quiet) {
        phone->watched = 0;
        printf("first %d %lld\n", number, (long long)at);
        fflush(stdout);
    }
    if (phone->last) {
        int64_t apart = at - phone->last, off = apart - 20 * MILLISECOND;
        sample(&jitter, off < 0 ? -off : off);
        gaps += apart > GAP;
    }
    phone->last = at;
    if (size >= RTP_HEADER + STAMP) {
        int64_t stamp = read_stamp(payload);
        if (stamp) sample(&trip, at - stamp);
    }
}

static void listen_to(Phone *phone, int number) {
    uint8_t packet[2048];
    char control[64];
    for (;;) {
        struct iovec data = {packet, sizeof packet};
        struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control,
                                 .msg_controllen = sizeof control};
        ssize_t size = recvmsg(phone->fd, &message, 0);
        if (size < 0) {
            if (errno == EAGAIN) return;
            continue; /* an ICMP answer to what was sent before the other side listened */
        }
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        if (!header || header->cmsg_type != SCM_TIMESTAMPNS) continue;
        struct timespec at;
        memcpy(&at, CMSG_DATA(header), sizeof at);
        heard(phone, number, packet, size, at.tv_sec * 1000000000LL + at.tv_nsec);
    }
}

static void obey(char *line) {
    int number, port;
    char host[64];
    if (sscanf(line, "to %d %63s %d", &number, host, &port) == 3 && number >= 0 && number < count) {
        phones[number].to = loopback(port);
        inet_pton(AF_INET, host, &phones[number].to.sin_addr);
        phones[number].known = 1;
    } else if (!strcmp(line, "send on")) {
        int64_t now = monotonic_ns();
        sending = 1;
        for (int i = 0; i < count; i++) phones[i].next = now + 20 * MILLISECOND * i / count;
    } else if (!strcmp(line, "send off")) {
        sending = 0;
    } else if (!strcmp(line, "reset")) {
        reset();
    } else if (!strcmp(line, "report")) {
        printf("{\"sent\":%lld,\"received\":%lld,\"silent\":%lld,\"gaps\":%lld,\"unsent\":%lld,",
               (long long)sent, (long long)received, (long long)silent, (long long)gaps, (long long)unsent);
        print_samples("jitter", &jitter);
        printf(",");
        print_samples("trip", &trip);
        printf("}\n");
    } else if (sscanf(line, "watch %d", &number) == 1 && number >= 0 && number < count) {
        phones[number].watched = 1;
    }
}

int main(int argc, char **argv) {
    begin_program();
    count = argc == 2 ? atoi(argv[1]) : 0;
    if (count < 1) return fprintf(stderr, "usage: peer N\n"), 2;
    phones = calloc(count, sizeof *phones);
    int control = epoll_create1(0), data = epoll_create1(0), timer = ticks_every(MILLISECOND), on = 1;
    watch_fd(control, 0, 0);
    watch_fd(control, timer, 1);
    printf("ports");
    for (int i = 0; i < count; i++) {
        phones[i].fd = udp_socket();
        if (setsockopt(phones[i].fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0) die("SO_TIMESTAMPNS");
        watch_fd(data, phones[i].fd, i);
        printf(" %d", port_of(phones[i].fd));
    }
    printf("\n");
    fflush(stdout);
    int64_t slot = 0;
    for (;;) {
        struct epoll_event events[256];
        int ready = epoll_wait(control, events, 2, -1);
        for (int i = 0; i < ready; i++) {
            uint64_t ticks;
            if (!events[i].data.u64)
                read_commands(obey);
            else if (read(timer, &ticks, sizeof ticks) < 0)
                continue;
        }
        int64_t now = monotonic_ns();
        for (int i = 0; sending && i < count; i++)
            if (phones[i].known && phones[i].next <= now) speak(&phones[i], i, now);
        if (now < slot) continue;
        slot = now + SLOT;
        do {
            ready = epoll_wait(data, events, 256, 0);
            for (int i = 0; i < ready; i++) listen_to(&phones[events[i].data.u64], events[i].data.u64);
        } while (ready == 256);
    }
}
