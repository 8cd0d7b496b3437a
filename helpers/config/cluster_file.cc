#include "helpers/config/cluster_file.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>

#include "helpers/config/acceleration.h"
#include "helpers/config/ai_how_rules.h"
#include "helpers/config/cluster_checks.h"
#include "helpers/config/cluster_node.h"
#include "helpers/config/cluster_storage.h"
#include "helpers/config/variables.h"
#include "helpers/yaml/yaml_map.h"

namespace passthrough {
namespace {

constexpr std::string_view kLettersAndDigits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool IsLetterOrDigit(char c) { return kLettersAndDigits.find(c) != std::string_view::npos; }

bool HasOnly(std::string_view text, std::string_view punctuation) {
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return IsLetterOrDigit(c) || punctuation.find(c) != std::string_view::npos; });
}

// Becomes part of the names of domains, volumes and files. The length leaves room for
// "-gpu-worker-01" within the 63 characters of a host name (RFC 1035, 2.3.4).
void ReadName(YamlMap& map, ClusterConfig& cluster) {
  constexpr std::string_view kAllowed =
      "a letter or digit, then letters, digits, \"_\", \".\" or \"-\", at most 48 in all";
  const auto value = map.Find("name", Need::kRequired, kAllowed);
  const auto name = value ? value->Text(kAllowed) : std::nullopt;
  if (!name) return;
  if (name->size() > 48 || !IsLetterOrDigit(name->front()) || !HasOnly(*name, "_.-")) {
    value->Wrong(kAllowed);
    return;
  }
  cluster.name = *name;
  cluster.name_where = value->where();
}

void ReadSubnet(YamlMap& map, NetworkConfig& network) {
  constexpr std::string_view kAllowed = "an IPv4 network a.b.c.d/n, such as \"192.168.140.0/24\"";
  const auto value = map.Find("subnet", Need::kRequired, kAllowed);
  const auto text = value ? value->Text(kAllowed) : std::nullopt;
  if (!text) return;
  const auto subnet = Ipv4Subnet::Parse(*text);
  if (!subnet) {
    value->Wrong(kAllowed);
    return;
  }
  const Ipv4Subnet proper{subnet->network & subnet->Mask(), subnet->prefix_length};
  const uint32_t first_byte = subnet->network >> 24;
  if (subnet->prefix_length < 8 || subnet->prefix_length > 30) {
    value->Wrong("a network with n from 8 to 30, which leaves room for the host and a node");
  } else if (first_byte == 0 || first_byte == 127 || first_byte >= 224) {
    value->Wrong("a network that machines can have: not 0.x, 127.x (loopback), 224.x or above");
  } else if (proper != *subnet) {
    value->Wrong("the network itself: \"" + proper.ToString() + "\"");
  } else {
    network.subnet = *subnet;
    network.subnet_where = value->where();
  }
}

void ReadBridge(YamlMap& map, NetworkConfig& network) {
  constexpr std::string_view kAllowed =
      "an interface name of at most 15 letters, digits, \"_\", \".\" or \"-\", such as "
      "\"virbr140\"";
  const auto value = map.Find("bridge", Need::kRequired, kAllowed);
  const auto text = value ? value->Text(kAllowed) : std::nullopt;
  if (!text) return;
  if (text->size() > 15 || !IsLetterOrDigit(text->front()) || !HasOnly(*text, "_.-")) {
    value->Wrong(kAllowed);
    return;
  }
  network.bridge = *text;
  network.bridge_where = value->where();
}

NetworkConfig ReadNetwork(YamlMap& cluster) {
  NetworkConfig network;
  constexpr std::string_view kAllowed = "a map with subnet and bridge";
  const auto value = cluster.Find("network", Need::kRequired, kAllowed);
  if (!value) return network;
  YamlMap map(*value, kAllowed);
  ReadSubnet(map, network);
  ReadBridge(map, network);
  map.FinishOpen();
  return network;
}

// The controller and the others, in the file's order.
std::vector<NodeConfig> ReadNodes(YamlMap& map, ClusterKind kind) {
  const bool hpc = kind == ClusterKind::kHpc;
  const std::string_view first_key = hpc ? "controller" : "control_plane";
  const std::string_view others_key = hpc ? "compute_nodes" : "worker_nodes";
  std::vector<NodeConfig> nodes;
  if (const auto value = map.Find(first_key, Need::kRequired, "a map")) {
    nodes.push_back(ReadController(*value, hpc ? NodeRole::kController : NodeRole::kControlPlane));
  }
  if (const auto value = map.Find(others_key, Need::kOptional, "a list of nodes")) {
    auto others = hpc ? ReadComputeNodes(*value) : ReadWorkerNodes(*value);
    const bool others_first = map.Rank(others_key) < map.Rank(first_key);
    nodes.insert(others_first ? nodes.begin() : nodes.end(), others.begin(), others.end());
  }
  return nodes;
}

SlurmConfig ReadSlurmConfig(YamlMap& cluster) {
  SlurmConfig config;
  constexpr std::string_view kAllowed = "a map with partitions and default_partition";
  const auto value = cluster.Find("slurm_config", Need::kRequired, kAllowed);
  if (!value) return config;
  YamlMap map(*value, kAllowed);
  config.partitions = Texts(map.Items("partitions", Need::kRequired, "a list of partition names"));
  config.default_partition = map.Text("default_partition", Need::kRequired).value_or("");
  config.max_job_time = map.Text("max_job_time", Need::kOptional, "a time as text, such as \"1:00:00\"").value_or("");
  map.FinishOpen();
  return config;
}

KubernetesConfig ReadKubernetesConfig(YamlMap& cluster) {
  KubernetesConfig config;
  constexpr std::string_view kAllowed = "a map with cni, ingress and storage_class";
  const auto value = cluster.Find("kubernetes_config", Need::kRequired, kAllowed);
  if (!value) return config;
  YamlMap map(*value, kAllowed);
  config.cni = map.Text("cni", Need::kRequired).value_or("");
  config.ingress = map.Text("ingress", Need::kRequired).value_or("");
  config.storage_class = map.Text("storage_class", Need::kRequired).value_or("");
  map.FinishOpen();
  return config;
}

ClusterConfig ReadCluster(const YamlValue& value, ClusterKind kind) {
  ClusterConfig cluster;
  cluster.kind = kind;
  cluster.where = value.where();
  YamlMap map(value);
  ReadName(map, cluster);
  cluster.base_image_path = ReadBaseImagePath(map);
  cluster.network = ReadNetwork(map);
  if (const auto hardware = map.Find("hardware", Need::kOptional, "a map")) {
    cluster.acceleration = ReadHardware(*hardware);
  }
  cluster.nodes = ReadNodes(map, kind);
  if (kind == ClusterKind::kHpc) {
    ReadStorage(map);
    cluster.slurm_config = ReadSlurmConfig(map);
  } else {
    cluster.kubernetes_config = ReadKubernetesConfig(map);
  }
  map.FinishOpen();
  return cluster;
}

void ReadVersion(YamlMap& top) {
  constexpr std::string_view kAllowed = "\"1.0\"";
  const auto value = top.Find("version", Need::kRequired, kAllowed);
  const auto version = value ? value->Text(kAllowed) : std::nullopt;
  if (version && *version != "1.0") value->Wrong(kAllowed);
}

void ReadMetadata(YamlMap& top, ClusterFile& file) {
  constexpr std::string_view kAllowed = "a map with name and description";
  const auto value = top.Find("metadata", Need::kRequired, kAllowed);
  if (!value) return;
  YamlMap map(*value, kAllowed);
  file.name = map.Text("name", Need::kRequired).value_or("");
  file.description = map.Text("description", Need::kRequired).value_or("");
  map.FinishOpen();
}

void ReadClusters(YamlMap& top, ClusterFile& file) {
  constexpr std::string_view kAllowed = "a map with \"hpc\", \"cloud\" or both";
  const auto value = top.Find("clusters", Need::kRequired, kAllowed);
  if (!value) return;
  YamlMap map(*value, kAllowed);
  if (value->node().kind == YamlNode::Kind::kMap && value->node().entries.empty()) {
    value->Problem("is an empty map; must be " + std::string(kAllowed));
  }
  for (const ClusterKind kind : {ClusterKind::kHpc, ClusterKind::kCloud}) {
    if (const auto cluster = map.Find(ToString(kind), Need::kOptional, "a map")) {
      file.clusters.push_back(ReadCluster(*cluster, kind));
    }
  }
  if (file.clusters.size() == 2 && map.Rank("cloud") < map.Rank("hpc")) {
    std::swap(file.clusters[0], file.clusters[1]);
  }
  map.Finish();
}

// A text whose variable is not set is one mistake, not two: of the texts that the
// problems from `first` to before `end` are about, drops what was found later.
void DropWhatFollowsFromVariables(size_t first, size_t end, ProblemList& problems) {
  std::set<std::pair<int, int>> places;
  for (size_t i = first; i < end; ++i) {
    places.emplace(problems.problems[i].where.line, problems.problems[i].where.column);
  }
  const auto follows = [&](const ConfigProblem& problem) {
    return places.contains({problem.where.line, problem.where.column});
  };
  const auto begin = problems.problems.begin() + static_cast<std::ptrdiff_t>(end);
  problems.problems.erase(std::remove_if(begin, problems.problems.end(), follows), problems.problems.end());
}

}  // namespace

std::string_view ToString(ClusterKind kind) { return kind == ClusterKind::kHpc ? "hpc" : "cloud"; }

std::string_view ToString(NodeRole role) {
  switch (role) {
    case NodeRole::kController:
      return "controller";
    case NodeRole::kCompute:
      return "compute";
    case NodeRole::kControlPlane:
      return "control_plane";
    case NodeRole::kCpuWorker:
      return "cpu_worker";
    case NodeRole::kGpuWorker:
      return "gpu_worker";
  }
  return "";
}

std::string_view ToString(DeviceType type) {
  switch (type) {
    case DeviceType::kGpu:
      return "gpu";
    case DeviceType::kAudio:
      return "audio";
    case DeviceType::kNetwork:
      return "network";
    case DeviceType::kStorage:
      return "storage";
    case DeviceType::kOther:
      return "other";
  }
  return "";
}

ClusterFile LoadClusterFile(const std::filesystem::path& path, const VariableLookup& lookup) {
  YamlDocument document = ReadYaml(path);
  ProblemList problems{document.file, std::move(document.problems)};
  ClusterFile file;
  file.path = std::filesystem::absolute(path).lexically_normal();
  const size_t of_yaml = problems.problems.size();
  file.variables = ExpandVariables(document.root, file.path, lookup, problems);
  const size_t with_variables = problems.problems.size();
  YamlMap top(YamlValue(document.root, "", problems));
  ReadVersion(top);
  ReadMetadata(top, file);
  if (const auto global = top.Find("global", Need::kOptional, "a map")) {
    YamlMap any(*global);  // free: whatever is in it is ai-how's business
  }
  ReadClusters(top, file);
  top.Finish();
  CheckTogether(file, problems);
  DropWhatFollowsFromVariables(of_yaml, with_variables, problems);
  problems.ThrowIfAny();
  file.ai_how_refuses = WhatAiHowRefuses(document.root, document.file);
  file.notes = std::move(problems.notes);
  SortByPlace(file.notes);
  return file;
}

}  // namespace passthrough
