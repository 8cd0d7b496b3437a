#include "tests/fuzz/targets.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/cluster/discovery.h"
#include "helpers/config/cluster_file.h"
#include "helpers/config/plan.h"
#include "helpers/config/profile.h"
#include "helpers/evidence/frame_decoder.h"
#include "helpers/inventory/inventory.h"
#include "helpers/libvirt/domain_xml_reader.h"
#include "tests/parsers/evidence_parsers.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

// A file in memory, for readers that take a path.
class MemoryFile {
 public:
  MemoryFile() : fd_(memfd_create("fuzz", MFD_CLOEXEC)) {}
  fs::path With(std::string_view text) {
    if (ftruncate(fd_, 0) != 0 || pwrite(fd_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
      std::abort();
    }
    return "/proc/self/fd/" + std::to_string(fd_);
  }

 private:
  int fd_;
};

MemoryFile& File() {
  static MemoryFile file;
  return file;
}

std::vector<std::string> FilesOf(const fs::path& directory) {
  std::vector<std::string> contents;
  for (const auto& entry : fs::directory_iterator(fs::path(PASSTHROUGH_SOURCE_DIR) / directory)) {
    if (entry.path().extension() == ".yaml") contents.push_back(ReadFile(entry.path()));
  }
  return contents;
}

std::vector<std::string> operator+(std::vector<std::string> one, const std::vector<std::string>& other) {
  one.insert(one.end(), other.begin(), other.end());
  return one;
}

// The first byte says in which pieces the rest comes.
void Frames(std::string_view bytes) {
  if (bytes.empty()) return;
  const size_t piece = static_cast<unsigned char>(bytes[0]) + 1u;
  bytes.remove_prefix(1);
  FrameDecoder decoder("0123456789abcdef", {"pci", "modules"});
  while (!bytes.empty()) {
    decoder.Feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  decoder.Progress();
  decoder.TakeOutputs();
}

constexpr char kFrames[] =
    "\x07hello\n@begin 0123456789abcdef 1\n@frame 0123456789abcdef pci exit 0 12 4 2 0 0\nabcdef\n"
    "@frame 0123456789abcdef modules timeout 20 20000 0 0 0 0\n\n@end 0123456789abcdef 2\n";

constexpr char kDomain[] =
    "<domain type='kvm'><name>a</name><uuid>6b2c1a52-0000-4000-8000-000000000001</uuid><devices>"
    "<interface type='network'><mac address='52:54:00:00:00:01'/><source network='n'/></interface>"
    "<controller type='pci' index='1' model='pcie-root-port'><address type='pci' domain='0x0000' "
    "bus='0x00' slot='0x01' function='0x0'/></controller><hostdev mode='subsystem' type='pci'>"
    "<source><address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source>"
    "<address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></hostdev>"
    "</devices></domain>";

std::map<std::string, FuzzTarget> MakeTargets() {
  std::map<std::string, FuzzTarget> targets;
  for (const auto& [name, parser] : EvidenceParsers()) {
    targets[name] = {parser, {EvidenceSeeds().at(name)}};
  }
  targets["cluster_file"] = {[](std::string_view text) { MakePlan(LoadClusterFile(File().With(text))); },
                             FilesOf("configs") + FilesOf("tests/config/broken/cluster")};
  targets["profile"] = {[](std::string_view text) {
                          LoadProfile(
                              File().With(text).string(),
                              {{"clusters", "hpc"}, {"config", "c"}, {"lab", "l"}, {"lab_dir", "d"}, {"source", "s"}});
                        },
                        FilesOf("configs/profiles") + FilesOf("tests/config/broken/profile")};
  targets["frames"] = {Frames, {kFrames}};
  targets["domain_xml"] = {[](std::string_view text) { ReadDomainXml(text); }, {kDomain}};
  targets["discovery"] = {[](std::string_view text) { DiscoveryFromJson(text); },
                          {ToJson(Discovery{.nodes = {DiscoveredNode{}}, .unplanned = {"x"}})}};
  targets["inventory"] = {[](std::string_view text) { InventoryFromJson(text); }, {ToJson(Inventory{})}};
  return targets;
}

}  // namespace

const std::map<std::string, FuzzTarget>& FuzzTargets() {
  static const std::map<std::string, FuzzTarget> targets = MakeTargets();
  return targets;
}

}  // namespace passthrough
