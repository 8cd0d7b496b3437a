#include "helpers/run/ssh_config.h"

#include <fmt/format.h>

#include <string_view>

#include "helpers/base/error.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/text.h"

namespace passthrough {
namespace {

// A word of ssh_config(5): in double quotes, so that it may hold blanks.
std::string Quoted(const std::string& word) { return '"' + word + '"'; }

// A host name or an address as ssh_config(5) has it, where "%" begins a token. Throws for anything else: a line
// break in it would begin a line of its own, such as a ProxyCommand.
std::string HostName(const std::string& host) {
  constexpr std::string_view kAllowed = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.:-_%";
  if (host.empty() || host.front() == '-' || host.find_first_not_of(kAllowed) != std::string::npos) {
    throw Error(fmt::format("\"{}\" is neither an address nor a host name: it is not written into ssh_config",
                            Printable(host)));
  }
  std::string word;
  for (const char c : host) word += c == '%' ? "%%" : std::string(1, c);
  return word;
}

std::string Account(const SshAccount& account) {
  std::string lines = fmt::format("  User {}\n  Port {}\n", Quoted(account.user), account.port);
  if (!account.key.empty()) {
    const auto key = std::filesystem::absolute(account.key).string();
    lines += fmt::format("  IdentityFile {}\n  IdentitiesOnly yes\n", Quoted(key));
  }
  return lines;
}

std::string Common(const Profile& profile, const RunDirectory& run) {
  std::string files = Quoted(run.KnownHosts().string());
  if (!profile.known_hosts.empty()) files += " " + Quoted(profile.known_hosts.string());
  return fmt::format("  UserKnownHostsFile {}\n  StrictHostKeyChecking accept-new\n", files);
}

}  // namespace

std::string HowToLogIn(const Discovery& discovery, const RunDirectory& run) {
  std::vector<std::string> names;
  for (const DiscoveredNode& node : discovery.nodes) {
    if (!node.address.empty()) names.push_back(node.node);
  }
  if (names.empty()) return {};
  const std::string first = names.front();
  names.erase(names.begin());
  const std::string others = names.empty() ? "" : fmt::format(" (or {} in its place)", fmt::join(names, ", "));
  return fmt::format("To log in to {}{}: {}", first, others,
                     ShellCommand({"ssh", "-F", run.SshConfig().string(), first}));
}

std::string MakeSshConfig(const Discovery& discovery, const Profile& profile, const RunDirectory& run) {
  std::string config = fmt::format("# {}\n", HowToLogIn(discovery, run));
  if (profile.jump) {
    config += fmt::format("\nHost passthrough-jump-host\n  HostName {}\n{}{}", HostName(profile.jump->host),
                          Account(*profile.jump), Common(profile, run));
  }
  for (const DiscoveredNode& node : discovery.nodes) {
    if (node.address.empty()) continue;
    const std::string names = node.node + (node.domain.empty() ? "" : " " + node.domain);
    config += fmt::format("\nHost {}\n  HostName {}\n{}{}", names, HostName(node.address), Account(profile.ssh),
                          Common(profile, run));
    if (profile.jump) config += "  ProxyJump passthrough-jump-host\n";
  }
  return config;
}

}  // namespace passthrough
