// Reading the log of a domain's serial console: a file of this machine, or a volume of another.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "helpers/libvirt/answers.h"
#include "helpers/libvirt/connection_impl.h"
#include "helpers/libvirt/domain_xml_reader.h"

namespace passthrough {
namespace {

// "qemu:///system" and "test:///default" have no host between the second and the third slash.
bool IsLocal(std::string_view uri) {
  const size_t authority = uri.find("://");
  return authority != std::string_view::npos && uri.substr(authority).starts_with(":///");
}

// At most the last `most` bytes of a regular file; nullopt where it cannot be read.
std::optional<std::string> ReadEndOfFile(const std::filesystem::path& path, size_t most) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return std::nullopt;
  struct stat status {};
  std::string content;
  const bool regular = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  if (regular) {
    content.resize(std::min(most, static_cast<size_t>(status.st_size)));
    const ssize_t count =
        pread(fd, content.data(), content.size(), status.st_size - static_cast<off_t>(content.size()));
    content.resize(count < 0 ? 0 : static_cast<size_t>(count));
  }
  close(fd);
  return regular ? std::optional(content) : std::nullopt;
}

// The active pool whose directory is `directory`, refreshed; nullptr where there is none.
PoolHandle FindPoolAt(virConnectPtr connection, const std::string& directory) {
  PoolHandle pool(virStoragePoolLookupByTargetPath(connection, directory.c_str()));
  if (!pool || virStoragePoolIsActive(pool.get()) != 1) return nullptr;
  virStoragePoolRefresh(pool.get(), 0);
  return pool;
}

// `length` bytes of `volume` from `offset` on; nullopt where the download fails.
std::optional<std::string> Download(virConnectPtr connection, virStorageVolPtr volume, uint64_t offset,
                                    uint64_t length) {
  const StreamHandle stream(virStreamNew(connection, 0));
  if (!stream || virStorageVolDownload(volume, stream.get(), offset, length, 0) < 0) {
    return std::nullopt;
  }
  std::string content;
  char buffer[65536];
  while (content.size() < length) {
    const int count = virStreamRecv(stream.get(), buffer, std::min(sizeof buffer, length - content.size()));
    if (count < 0) return std::nullopt;  // libvirt has aborted the stream
    if (count == 0) {
      virStreamFinish(stream.get());
      return content;
    }
    CountAnswer();
    content.append(buffer, static_cast<size_t>(count));
  }
  virStreamAbort(stream.get());  // the guest goes on printing while this reads
  return content;
}

std::optional<std::string> ReadEndOfVolume(virConnectPtr connection, const std::filesystem::path& path, size_t most) {
  const PoolHandle pool = FindPoolAt(connection, path.parent_path().string());
  if (!pool) return std::nullopt;
  const VolumeHandle volume(virStorageVolLookupByName(pool.get(), path.filename().c_str()));
  virStorageVolInfo info{};
  if (!volume || virStorageVolGetInfo(volume.get(), &info) < 0) return std::nullopt;
  const uint64_t offset = info.capacity > most ? info.capacity - most : 0;
  return Download(connection, volume.get(), offset, info.capacity - offset);
}

}  // namespace

std::optional<std::string> LibvirtConnection::ConsoleLog(const std::string& domain, size_t most) {
  const auto xml = DomainXml(domain);
  if (!xml) return std::nullopt;
  const std::filesystem::path path = ReadDomainXml(*xml).console_log;
  if (!path.is_absolute()) return std::nullopt;
  if (IsLocal(impl_->uri)) {
    if (auto content = ReadEndOfFile(path, most)) return content;
  }
  return ReadEndOfVolume(impl_->handle.get(), path, most);
}

}  // namespace passthrough
