#include "helpers/config/profile_fields.h"

#include <fmt/format.h>

#include <utility>

#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/config/placeholders.h"

namespace passthrough {
namespace {

constexpr std::string_view kArguments = "a list of arguments such as [ai-how, hpc, start, \"{config}\"]";
constexpr std::string_view kCommands =
    "a list of arguments such as [ai-how, hpc, start, \"{config}\"], or a list of such lists";

// The text of a value with its placeholders filled in.
std::optional<std::string> Filled(const YamlValue& value, std::optional<std::string> text,
                                  const Placeholders& placeholders) {
  if (!text) return std::nullopt;
  std::string fault;
  std::string filled = FillPlaceholders(*text, placeholders, &fault);
  if (fault.empty()) return filled;
  value.Problem(std::move(fault));
  return std::nullopt;
}

// Reads the keys of one map into fields; what is absent or wrong leaves them as they are.
class FieldReader {
 public:
  FieldReader(YamlMap& map, const Placeholders& placeholders) : map_(map), placeholders_(placeholders) {}

  void Text(std::string_view key, Need need, std::string* field, std::string_view allowed = "text") {
    const auto value = map_.Find(key, need, allowed);
    if (!value) return;
    if (auto text = Filled(*value, value->Text(allowed), placeholders_)) *field = *std::move(text);
  }

  void Path(std::string_view key, std::filesystem::path* field) {
    std::string text;
    Text(key, Need::kOptional, &text, "a path");
    if (!text.empty()) *field = std::filesystem::absolute(ExpandHome(text)).lexically_normal();
  }

  void Port(std::string_view key, uint16_t* field) {
    if (const auto port = map_.WholeNumber(key, Need::kOptional, 1, 65535)) {
      *field = static_cast<uint16_t>(*port);
    }
  }

  void Seconds(std::string_view key, std::chrono::seconds* field) {
    constexpr int kMostSeconds = 24 * 60 * 60;
    if (const auto seconds = map_.WholeNumber(key, Need::kOptional, 1, kMostSeconds)) {
      *field = std::chrono::seconds(*seconds);
    }
  }

  // Returns whether the key is there.
  bool Arguments(std::string_view key, std::vector<std::string>* field, std::string_view allowed = kArguments,
                 bool may_be_empty = false) {
    const auto value = map_.Find(key, Need::kOptional, allowed);
    if (!value) return false;
    if (ReportCommandLine(*value)) return true;
    const auto items = value->Items(allowed);
    if (items && items->empty() && may_be_empty) {
      field->clear();
    } else if (items) {
      *field = ReadArguments(*value, *items);
    }
    return true;
  }

  void Commands(std::string_view key, Need need, CommandSequence* field) {
    const auto value = map_.Find(key, need, kCommands);
    if (!value || ReportCommandLine(*value)) return;
    const auto items = value->Items(kCommands);
    if (!items) return;
    CommandSequence commands;
    const bool nested = !items->empty() && items->front().node().kind == YamlNode::Kind::kSequence;
    if (!nested) {
      commands.push_back(ReadArguments(*value, *items));
    } else {
      for (const YamlValue& item : *items) {
        if (ReportCommandLine(item)) continue;
        const auto inner = item.Items(kArguments);
        if (inner) commands.push_back(ReadArguments(item, *inner));
      }
    }
    *field = std::move(commands);
  }

 private:
  // A command line as text would need a shell to take it apart: shows it as the list it should be.
  static bool ReportCommandLine(const YamlValue& value) {
    if (value.node().kind != YamlNode::Kind::kScalar) return false;
    std::string list;
    for (const std::string_view word : SplitWords(std::string_view(value.node().text).substr(0, 200))) {
      list += fmt::format("{}\"{}\"", list.empty() ? "" : ", ", Printable(word));
    }
    value.Problem(fmt::format("is text; must be a list of arguments, for no shell takes it apart: [{}]", list));
    return true;
  }

  std::vector<std::string> ReadArguments(const YamlValue& list, const std::vector<YamlValue>& items) {
    std::vector<std::string> arguments;
    if (items.empty()) list.Wrong(kArguments);
    for (const YamlValue& item : items) {
      if (item.node().kind == YamlNode::Kind::kMap) {
        item.Problem("is a map; must be text: put a placeholder in quotes, as in \"{config}\"");
        continue;
      }
      auto argument = Filled(item, item.AsWritten("text"), placeholders_);
      if (argument) arguments.push_back(*std::move(argument));
    }
    if (!items.empty() && arguments.size() == items.size() && arguments.front().empty()) {
      items.front().Problem("is empty; must be the program to run");
    }
    return arguments;
  }

  YamlMap& map_;
  const Placeholders& placeholders_;
};

void ReadLibvirtUri(YamlMap& top, Profile& profile) {
  constexpr std::string_view kAllowed = "a map with uri";
  const auto value = top.Find("libvirt", Need::kOptional, kAllowed);
  if (!value) return;
  YamlMap map(*value, kAllowed);
  FieldReader(map, profile.placeholders)
      .Text("uri", Need::kRequired, &profile.libvirt_uri, "a libvirt connection URI, such as \"qemu:///system\"");
  map.Finish();
}

void ReadLibvirt(YamlMap& top, Profile& profile) {
  profile.placeholders.erase("libvirt");
  ReadLibvirtUri(top, profile);
  if (!profile.overrides.connect.empty()) profile.libvirt_uri = profile.overrides.connect;
  profile.placeholders["libvirt"] = profile.libvirt_uri;  // for the commands, which are read later
}

void ReadHost(YamlMap& top, Profile& profile) {
  constexpr std::string_view kAllowed = "a map with check, status, up, down and facts";
  const auto value = top.Find("host", Need::kOptional, kAllowed);
  if (!value) return;
  YamlMap map(*value, kAllowed);
  FieldReader fields(map, profile.placeholders);
  HostCommands host;
  fields.Arguments("check", &host.check);
  fields.Arguments("status", &host.status);
  fields.Arguments("up", &host.up);
  fields.Arguments("down", &host.down);
  fields.Path("facts", &host.facts);
  map.Finish();
  profile.host = std::move(host);
}

void ReadDeployer(YamlMap& top, Need need, Profile& profile) {
  constexpr std::string_view kAllowed = "a map with create and destroy";
  const auto value = top.Find("deployer", need, kAllowed);
  if (!value) return;
  YamlMap map(*value, kAllowed);
  FieldReader fields(map, profile.placeholders);
  fields.Commands("create", need, &profile.deployer.create);
  fields.Commands("destroy", need, &profile.deployer.destroy);
  fields.Path("working_directory", &profile.deployer.working_directory);
  if (const auto known = map.Bool("uuids_from_run", Need::kOptional)) profile.deployer.uuids_from_run = *known;
  map.Finish();
}

void ReadSsh(YamlMap& top, Need need, Profile& profile) {
  constexpr std::string_view kAllowed = "a map with user, key and port";
  const auto value = top.Find("ssh", need, kAllowed);
  if (!value) return;
  YamlMap map(*value, kAllowed);
  FieldReader fields(map, profile.placeholders);
  fields.Text("user", need, &profile.ssh.user, "a user on the nodes");
  fields.Path("key", &profile.ssh.key);
  fields.Port("port", &profile.ssh.port);
  map.Finish();
}

void ReadJump(YamlMap& top, Profile& profile) {
  constexpr std::string_view kAllowed = "a map with host, port, user and key";
  const auto value = top.Find("jump", Need::kOptional, kAllowed);
  if (!value) return;
  const Need need = profile.jump ? Need::kOptional : Need::kRequired;
  SshAccount jump = profile.jump.value_or(SshAccount());
  YamlMap map(*value, kAllowed);
  FieldReader fields(map, profile.placeholders);
  fields.Text("host", need, &jump.host, "a host name or address");
  fields.Port("port", &jump.port);
  fields.Text("user", need, &jump.user, "a user on that host");
  fields.Path("key", &jump.key);
  map.Finish();
  profile.jump = std::move(jump);
}

void ReadTimeLimits(YamlMap& top, Profile& profile) {
  constexpr std::string_view kAllowed =
      "a map with host, create, ssh, ready, collect, destroy and libvirt, in seconds, and probe_scale";
  const auto value = top.Find("time_limits", Need::kOptional, kAllowed);
  if (!value) return;
  YamlMap map(*value, kAllowed);
  FieldReader fields(map, profile.placeholders);
  fields.Seconds("host", &profile.time_limits.host);
  fields.Seconds("create", &profile.time_limits.create);
  fields.Seconds("ssh", &profile.time_limits.ssh);
  fields.Seconds("collect", &profile.time_limits.collect);
  if (map.Rank("destroy") < value->node().entries.size()) profile.time_limits.destroy_is_given = true;
  fields.Seconds("destroy", &profile.time_limits.destroy);
  fields.Seconds("ready", &profile.time_limits.ready);
  fields.Seconds("libvirt", &profile.time_limits.libvirt);
  profile.time_limits.probe_scale =
      map.WholeNumber("probe_scale", Need::kOptional, 1, 99).value_or(profile.time_limits.probe_scale);
  map.Finish();
}

void ReadNodes(YamlMap& top, Profile& profile) {
  FieldReader fields(top, profile.placeholders);
  constexpr std::string_view kAllowed = "a list of arguments such as [cloud-init, status, --wait], or an empty one: []";
  if (fields.Arguments("ready", &profile.ready.command, kAllowed, true)) profile.ready.is_default = false;
  profile.nodes_at_once = top.WholeNumber("nodes_at_once", Need::kOptional, 1, 10000).value_or(profile.nodes_at_once);
}

void ReadGpuMemory(YamlMap& top, Profile& profile) {
  profile.gpu_memory_percent =
      top.WholeNumber("gpu_memory_percent", Need::kOptional, 1, 100).value_or(profile.gpu_memory_percent);
}

void ReadStandIns(YamlMap& top, Profile& profile) {
  FieldReader(top, profile.placeholders)
      .Text("stub_driver", Need::kOptional, &profile.stub_driver, "words that say what stands in for the GPU driver");
  profile.emulated_devices = top.Bool("emulated_devices", Need::kOptional).value_or(profile.emulated_devices);
}

void ReadLeastLinkPercent(YamlMap& top, Profile& profile) {
  if (const auto percent = top.WholeNumber("least_link_percent", Need::kOptional, 1, 100)) {
    profile.least_link_percent = *percent;
  }
}

void ReadMayBeOverwritten(YamlMap& top, Profile& profile) {
  constexpr std::string_view kAllowed = "a list of the host's PCI addresses of disks, such as [\"0000:05:00.0\"]";
  constexpr std::string_view kAddress = "a PCI address in quotes, such as \"0000:05:00.0\"";
  const auto value = top.Find("may_be_overwritten", Need::kOptional, kAllowed);
  const auto items = value ? value->Items(kAllowed) : std::nullopt;
  if (!items) return;
  profile.may_be_overwritten.clear();
  for (const YamlValue& item : *items) {
    const auto text = item.Text(kAddress);
    if (!text) continue;
    if (const auto address = PciAddress::Parse(*text)) {
      profile.may_be_overwritten.push_back(*address);
    } else {
      item.Wrong(kAddress);
    }
  }
}

void ReadVersion(YamlMap& top, Need need) {
  constexpr std::string_view kAllowed = "\"1.0\"";
  const auto value = top.Find("version", need, kAllowed);
  const auto version = value ? value->Text(kAllowed) : std::nullopt;
  if (version && *version != "1.0") value->Wrong(kAllowed);
}

}  // namespace

void ReadProfile(YamlMap& top, Profile& profile) {
  ReadVersion(top, Need::kRequired);
  FieldReader fields(top, profile.placeholders);
  fields.Text("description", Need::kRequired, &profile.description);
  ReadLibvirt(top, profile);
  ReadHost(top, profile);
  ReadDeployer(top, Need::kRequired, profile);
  ReadSsh(top, Need::kRequired, profile);
  ReadJump(top, profile);
  fields.Path("known_hosts", &profile.known_hosts);
  ReadTimeLimits(top, profile);
  ReadNodes(top, profile);
  ReadGpuMemory(top, profile);
  ReadStandIns(top, profile);
  ReadLeastLinkPercent(top, profile);
  ReadMayBeOverwritten(top, profile);
  top.Finish();
}

void ReadFacts(YamlMap& top, Profile& profile) {
  ReadVersion(top, Need::kOptional);
  ReadLibvirt(top, profile);
  ReadDeployer(top, Need::kOptional, profile);
  ReadSsh(top, Need::kOptional, profile);
  ReadJump(top, profile);
  FieldReader(top, profile.placeholders).Path("known_hosts", &profile.known_hosts);
  ReadTimeLimits(top, profile);
  ReadNodes(top, profile);
  ReadGpuMemory(top, profile);
  ReadStandIns(top, profile);
  ReadLeastLinkPercent(top, profile);
  FieldReader(top, profile.placeholders)
      .Text("owner", Need::kOptional, &profile.host_owner, "the {run} of the run that brought the host up");
  top.Finish();
}

}  // namespace passthrough
