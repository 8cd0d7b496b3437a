#include "helpers/config/acceleration.h"

#include <string>
#include <utility>

namespace passthrough {
namespace {

// "+avx2", "-vmx", or a bare name, which ai-how's own schema takes too.
bool IsCpuFeature(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyz"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "0123456789_.-") == std::string_view::npos;
}

std::vector<std::string> ReadCpuFeatures(YamlMap& acceleration) {
  constexpr std::string_view kFeature = "a CPU feature with \"+\" or \"-\" before it, such as \"+avx2\"";
  std::vector<std::string> features;
  for (const YamlValue& item :
       acceleration.Items("cpu_features", Need::kOptional, "a list such as [\"+avx2\", \"-vmx\"]")) {
    auto feature = item.Text(kFeature);
    if (!feature) continue;
    if (IsCpuFeature(*feature)) {
      features.push_back(*std::move(feature));
    } else {
      item.Wrong(kFeature);
    }
  }
  return features;
}

// The limits are those of ai-how's schema.
void ReadNuma(YamlMap& parent, Acceleration& acceleration) {
  constexpr std::string_view kAllowed = "null or a map";
  const auto value = parent.Find("numa_topology", Need::kOptional, kAllowed, true);
  if (!value || value->node().kind == YamlNode::Kind::kNull) return;
  YamlMap numa(*value, kAllowed);
  acceleration.numa_nodes = numa.WholeNumber("nodes", Need::kOptional, 1, 8);
  acceleration.numa_memory_per_node = numa.WholeNumber("memory_per_node", Need::kOptional, 1024);
  numa.FinishOpen();
}

void ReadCpuTopology(YamlMap& parent, Acceleration& acceleration) {
  const auto value = parent.Find("cpu_topology", Need::kOptional, "a map");
  if (!value) return;
  YamlMap map(*value);
  CpuTopology topology;
  topology.sockets = map.WholeNumber("sockets", Need::kRequired, 1, 4).value_or(1);
  topology.cores = map.WholeNumber("cores", Need::kRequired, 1, 64).value_or(1);
  topology.threads = map.WholeNumber("threads", Need::kRequired, 1, 2).value_or(1);
  map.FinishOpen();
  acceleration.cpu_topology = topology;
}

void ReadPerformance(YamlMap& parent, Acceleration& acceleration) {
  const auto value = parent.Find("performance", Need::kOptional, "a map");
  if (!value) return;
  YamlMap performance(*value);
  acceleration.enable_hugepages = performance.Bool("enable_hugepages", Need::kOptional);
  acceleration.hugepage_size = performance.OneOf("hugepage_size", Need::kOptional, {"2M", "1G"});
  acceleration.cpu_pinning = performance.Bool("cpu_pinning", Need::kOptional);
  acceleration.memory_backing = performance.OneOf("memory_backing", Need::kOptional, {"default", "hugepages", "memfd"});
  performance.FinishOpen();
}

}  // namespace

Acceleration ReadHardware(const YamlValue& hardware) {
  Acceleration acceleration;
  YamlMap outer(hardware);
  if (const auto value = outer.Find("acceleration", Need::kOptional, "a map")) {
    YamlMap map(*value);
    acceleration.enable_kvm = map.Bool("enable_kvm", Need::kOptional);
    acceleration.enable_nested = map.Bool("enable_nested", Need::kOptional);
    acceleration.cpu_model =
        map.OneOf("cpu_model", Need::kOptional, {"host", "host-passthrough", "host-model", "qemu64"});
    acceleration.cpu_features = ReadCpuFeatures(map);
    ReadNuma(map, acceleration);
    ReadCpuTopology(map, acceleration);
    ReadPerformance(map, acceleration);
    map.FinishOpen();
  }
  outer.FinishOpen();
  return acceleration;
}

}  // namespace passthrough
