#include "tests/ssh/relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "helpers/base/error.h"

namespace passthrough {
namespace {

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Moves one piece. False at the end of file or an error.
bool Move(int from, int to) {
  char piece[16384];
  const ssize_t count = recv(from, piece, sizeof piece, 0);
  return count > 0 && send(to, piece, static_cast<size_t>(count), MSG_NOSIGNAL) == count;
}

Descriptor ConnectToLoopback(uint16_t port) {
  Descriptor fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = Loopback(port);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    fd.Reset();
  }
  return fd;
}

}  // namespace

void Pass(int client, uint16_t target) {
  const Descriptor server = ConnectToLoopback(target);
  while (server) {
    pollfd sources[] = {{client, POLLIN, 0}, {server.get(), POLLIN, 0}};
    poll(sources, 2, -1);
    if (sources[0].revents != 0 && !Move(client, server.get())) return;
    if (sources[1].revents != 0 && !Move(server.get(), client)) return;
  }
}

Descriptor Listen(uint16_t* port) {
  Descriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;  // so that somebody else may listen there right after
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener.get(), generic, size) != 0 || listen(listener.get(), 16) != 0 ||
      getsockname(listener.get(), generic, &size) != 0) {
    throw Error("cannot listen on the loopback");
  }
  *port = ntohs(address.sin_port);
  return listener;
}

Relay::Relay(uint16_t target) : target_(target), listener_(Listen(&port_)) {
  thread_ = std::thread([this] { Run(); });
}

Relay::~Relay() {
  stopping_ = true;
  thread_.join();
}

void Relay::Run() {
  Descriptor client;
  Descriptor server;
  while (!stopping_) {
    const bool idle = frozen_ || !client;
    pollfd sources[] = {{client ? -1 : listener_.get(), POLLIN, 0},
                        {idle ? -1 : client.get(), POLLIN, 0},
                        {idle ? -1 : server.get(), POLLIN, 0}};
    poll(sources, 3, 10);
    if (sources[0].revents != 0) {
      client.Reset(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      server = ConnectToLoopback(target_);
      if (!server) return;
    }
    if (frozen_) continue;
    if (sources[1].revents != 0 && !Move(client.get(), server.get())) return;
    if (sources[2].revents != 0 && !Move(server.get(), client.get())) return;
  }
}

}  // namespace passthrough
