// Opening and closing a connection, and what all calls share: names to handles, errors to
// exceptions.
#include "helpers/libvirt/connection.h"

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "helpers/base/text.h"
#include "helpers/libvirt/answers.h"
#include "helpers/libvirt/connection_impl.h"
#include "helpers/libvirt/event_loop.h"

namespace passthrough {
namespace {

// A host that has not answered for this long is gone. An emulated one on a busy machine, or one
// that is being saved to a snapshot, is silent for a minute and comes back.
constexpr int kGoneSeconds = 120;

// Seconds between two keep-alive messages. libvirt's libssh transport (seen in 9.0) may leave the
// rest of a longer reply unread until anything else arrives: so something arrives soon.
int KeepAliveSeconds(std::string_view uri) { return uri.find("+libssh://") == std::string_view::npos ? 10 : 1; }

// What to do about the commonest reasons, in a few words.
std::string HintFor(std::string_view message) {
  const auto has = [&](std::string_view part) { return message.find(part) != std::string_view::npos; };
  if (has("libvirt-sock': No such file") || has("libvirt-sock': Connection refused")) {
    return ". Is libvirt installed and running there? (systemctl start libvirtd)";
  }
  if (has("libvirt-sock': Permission denied") || has("polkit")) {
    return ". Is this user a member of the group libvirt? (sudo usermod -aG libvirt \"$USER\")";
  }
  if (has("unable to connect to server at")) return ". Does an SSH server answer there?";
  return {};
}

// What the thread that opens and the one that waits for it share. The opening thread may outlive
// the other's patience: then it closes what it got.
struct Attempt {
  std::mutex mutex;
  std::condition_variable changed;
  bool finished = false;
  bool abandoned = false;
  ConnectHandle handle;
  std::string error;
};

void OpenInBackground(const std::string& uri, const std::shared_ptr<Attempt>& attempt) {
  ConnectHandle handle(virConnectOpen(uri.c_str()));
  std::string error;
  if (!handle) {
    virError* const last = virGetLastError();
    error = last != nullptr && last->message != nullptr ? last->message : "no reason given";
  } else {
    // Refused by drivers that have no wire between here and there: they cannot hang either.
    const int interval = KeepAliveSeconds(uri);
    virConnectSetKeepAlive(handle.get(), interval, static_cast<unsigned>(kGoneSeconds / interval));
  }
  const std::lock_guard lock(attempt->mutex);
  attempt->finished = true;
  attempt->error = error;
  if (!attempt->abandoned) attempt->handle = std::move(handle);
  attempt->changed.notify_all();
}

// Waits for the attempt; throws TimeoutError or InterruptedError where that takes too long.
void WaitForAttempt(const std::string& what, Attempt& attempt, const Deadline& deadline) {
  std::unique_lock lock(attempt.mutex);
  while (!attempt.finished) {
    try {
      deadline.Check(what, "the host does not answer");
    } catch (...) {
      attempt.abandoned = true;
      throw;
    }
    // Short, so that an interruption is noticed.
    attempt.changed.wait_for(lock, std::chrono::milliseconds(deadline.LeftMilliseconds(100)));
  }
}

// Turns libvirt's "there is no such thing" into nullptr.
template <typename Handle>
Handle FoundOrThrow(Handle handle, int not_found, std::string_view what, const std::string& name) {
  if (!handle && LastErrorCode() != not_found) ThrowLastError(fmt::format("{} {}", what, name));
  return handle;
}

}  // namespace

int LastErrorCode() {
  virError* const error = virGetLastError();
  return error == nullptr ? VIR_ERR_OK : error->code;
}

void ThrowLastError(std::string_view what) {
  virError* const error = virGetLastError();
  const bool known = error != nullptr && error->message != nullptr;
  throw LibvirtError(fmt::format("cannot {}: {}", what, known ? Printable(error->message) : "no reason given"));
}

void Require(int result, std::string_view what) {
  CountAnswer();
  if (result < 0) ThrowLastError(what);
}

std::string TakeText(char* text, std::string_view what) {
  CountAnswer();
  const TextHandle owner(text);
  if (!owner) ThrowLastError(what);
  return owner.get();
}

std::string UuidOf(virDomainPtr domain) {
  char uuid[VIR_UUID_STRING_BUFLEN] = "";
  Require(virDomainGetUUIDString(domain, uuid), "read a domain's UUID");
  return uuid;
}

LibvirtConnection::Impl::~Impl() {
  handle.reset();
  DrainLibvirtEventLoop();
}

DomainHandle LibvirtConnection::Impl::FindDomain(const std::string& name) const {
  return FoundOrThrow(DomainHandle(virDomainLookupByName(handle.get(), name.c_str())), VIR_ERR_NO_DOMAIN,
                      "look up domain", name);
}

NetworkHandle LibvirtConnection::Impl::FindNetwork(const std::string& name) const {
  return FoundOrThrow(NetworkHandle(virNetworkLookupByName(handle.get(), name.c_str())), VIR_ERR_NO_NETWORK,
                      "look up network", name);
}

PoolHandle LibvirtConnection::Impl::FindPool(const std::string& name) const {
  return FoundOrThrow(PoolHandle(virStoragePoolLookupByName(handle.get(), name.c_str())), VIR_ERR_NO_STORAGE_POOL,
                      "look up storage pool", name);
}

DomainHandle LibvirtConnection::Impl::Domain(const std::string& name) const {
  DomainHandle domain = FindDomain(name);
  if (!domain) ThrowLastError("look up domain " + name);
  return domain;
}

NetworkHandle LibvirtConnection::Impl::Network(const std::string& name) const {
  NetworkHandle network = FindNetwork(name);
  if (!network) ThrowLastError("look up network " + name);
  return network;
}

PoolHandle LibvirtConnection::Impl::Pool(const std::string& name) const {
  PoolHandle pool = FindPool(name);
  if (!pool) ThrowLastError("look up storage pool " + name);
  return pool;
}

VolumeHandle LibvirtConnection::Impl::Volume(const std::string& pool, const std::string& volume) const {
  const PoolHandle handle_of_pool = Pool(pool);  // freeing it forgets the thread's last error
  VolumeHandle found(virStorageVolLookupByName(handle_of_pool.get(), volume.c_str()));
  if (!found) ThrowLastError(fmt::format("look up volume {} of storage pool {}", volume, pool));
  return found;
}

LibvirtConnection LibvirtConnection::Open(const std::string& uri, const Deadline& deadline) {
  StartLibvirtEventLoop();
  const std::string what = "connect to libvirt at " + uri;
  auto attempt = std::make_shared<Attempt>();
  std::thread([uri, attempt] { OpenInBackground(uri, attempt); }).detach();
  WaitForAttempt(what, *attempt, deadline);
  if (!attempt->handle) {
    throw LibvirtError(fmt::format("cannot {}: {}{}", what, Printable(attempt->error), HintFor(attempt->error)));
  }
  auto impl = std::make_shared<Impl>();
  impl->uri = uri;
  impl->handle = std::move(attempt->handle);
  return LibvirtConnection(std::move(impl));
}

LibvirtConnection::LibvirtConnection(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
LibvirtConnection::~LibvirtConnection() = default;
LibvirtConnection::LibvirtConnection(LibvirtConnection&&) noexcept = default;
LibvirtConnection& LibvirtConnection::operator=(LibvirtConnection&&) noexcept = default;

LibvirtConnection LibvirtConnection::Share() const { return LibvirtConnection(impl_); }

const std::string& LibvirtConnection::uri() const { return impl_->uri; }

bool LibvirtConnection::IsAlive() const { return virConnectIsAlive(impl_->handle.get()) == 1; }

bool LibvirtConnection::OffersKvm() {
  const TextHandle capabilities(
      virConnectGetDomainCapabilities(impl_->handle.get(), nullptr, "x86_64", "q35", "kvm", 0));
  return capabilities != nullptr;
}

}  // namespace passthrough
