// What the sources of LibvirtConnection share. Included by no file outside this folder.
#pragma once

#include <libvirt/virterror.h>

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/libvirt/connection.h"
#include "helpers/libvirt/handles.h"

namespace passthrough {

// The domains whose guest agents are being asked.
struct AgentQuestions {
  std::mutex mutex;
  std::set<std::string> domains;  // guarded by mutex
};

struct LibvirtConnection::Impl {
  std::string uri;
  ConnectHandle handle;
  const std::shared_ptr<AgentQuestions> agent_questions = std::make_shared<AgentQuestions>();

  ~Impl();

  // nullptr where the hypervisor has none of that name; throws on any other failure.
  DomainHandle FindDomain(const std::string& name) const;
  NetworkHandle FindNetwork(const std::string& name) const;
  PoolHandle FindPool(const std::string& name) const;
  // Throw where there is none.
  DomainHandle Domain(const std::string& name) const;
  NetworkHandle Network(const std::string& name) const;
  PoolHandle Pool(const std::string& name) const;
  VolumeHandle Volume(const std::string& pool, const std::string& volume) const;
};

// The code of this thread's last libvirt error (VIR_ERR_…).
int LastErrorCode();

// Throws LibvirtError: "cannot <what>: <this thread's last libvirt error>".
[[noreturn]] void ThrowLastError(std::string_view what);

// Throws if `result` says that the call failed.
void Require(int result, std::string_view what);

// The text that libvirt returned, freed; throws if it is nullptr.
std::string TakeText(char* text, std::string_view what);

std::string UuidOf(virDomainPtr domain);

// "running", "shut off", …: virsh's words for a virDomainState.
std::string DomainStateText(int state);
// Why it is in that state, in a word or two; empty where that is not known.
std::string DomainReasonText(int state, int reason);

// What a listing function of libvirt filled in, as owners. `list(&items)` returns the count or -1.
template <typename Handle, typename List>
std::vector<Handle> ListAll(std::string_view what, List list) {
  typename Handle::pointer* items = nullptr;
  const int count = list(&items);
  Require(count, what);
  std::vector<Handle> handles;
  for (int i = 0; i < count; ++i) handles.emplace_back(items[i]);
  std::free(items);
  return handles;
}

}  // namespace passthrough
