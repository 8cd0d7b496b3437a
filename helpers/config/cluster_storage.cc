#include "helpers/config/cluster_storage.h"

#include <string_view>

namespace passthrough {
namespace {

void ReadNodeNames(YamlMap& map, std::string_view key) {
  constexpr std::string_view kAllowed = "a list of names of nodes, such as [\"compute-01\"]";
  const auto value = map.Find(key, Need::kOptional, kAllowed);
  const auto items = value ? value->Items(kAllowed) : std::nullopt;
  if (!items) return;
  if (items->empty()) value->Wrong(kAllowed);
  Texts(*items);
}

void ReadBeegfs(YamlMap& storage) {
  const auto value = storage.Find("beegfs", Need::kOptional, "a map with enabled and mount_point");
  if (!value) return;
  YamlMap map(*value, "a map with enabled and mount_point");
  map.Bool("enabled", Need::kRequired);
  map.Text("mount_point", Need::kRequired, "a path on the nodes, such as \"/mnt/beegfs\"");
  map.Text("management_node", Need::kOptional);
  ReadNodeNames(map, "metadata_nodes");
  ReadNodeNames(map, "storage_nodes");
  if (const auto client = map.Find("client_config", Need::kOptional, "a map")) {
    YamlMap options(*client);
    options.Text("mount_options", Need::kOptional);
    options.Bool("auto_mount", Need::kOptional);
    options.FinishOpen();
  }
  map.FinishOpen();
}

}  // namespace

void ReadStorage(YamlMap& cluster) {
  const auto value = cluster.Find("storage", Need::kOptional, "a map with beegfs and virtio_fs");
  if (!value) return;
  YamlMap map(*value, "a map with beegfs and virtio_fs");
  ReadBeegfs(map);
  if (const auto virtio_fs = map.Find("virtio_fs", Need::kOptional, "a map with enabled")) {
    YamlMap options(*virtio_fs, "a map with enabled");
    options.Bool("enabled", Need::kRequired);
    options.FinishOpen();
  }
  map.FinishOpen();
}

}  // namespace passthrough
