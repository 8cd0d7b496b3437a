// Making and removing storage pools and volumes.
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "helpers/base/text.h"
#include "helpers/libvirt/connection_impl.h"

namespace passthrough {
namespace {

std::string VolumeText(const std::string& pool, const std::string& volume) {
  return fmt::format("volume {} of storage pool {}", volume, pool);
}

// Sends the whole file; on any failure the stream is aborted, so that the daemon lets go of it.
void SendFile(virStreamPtr stream, const std::filesystem::path& file, const std::string& what,
              const Deadline& deadline) {
  std::ifstream in(file, std::ios::binary);
  std::vector<char> buffer(256000);  // one message of libvirt's protocol holds 262120 bytes
  while (in) {
    deadline.Check(what);
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    const auto count = static_cast<size_t>(in.gcount());
    for (size_t sent = 0; sent < count;) {
      const int result = virStreamSend(stream, buffer.data() + sent, count - sent);
      Require(result, what);
      sent += static_cast<size_t>(result);
    }
  }
  if (!in.eof()) throw LibvirtError(fmt::format("cannot {}: {}", what, std::strerror(errno)));
}

// "x-" of "x-pool"; a name of another form is its own prefix.
std::string VolumePrefix(std::string_view pool) {
  constexpr std::string_view kSuffix = "pool";
  if (pool.ends_with("-pool")) pool.remove_suffix(kSuffix.size());
  return std::string(pool);
}

// A pool that is not active shows no volumes, so it is started for this. Best effort: what cannot
// be removed is what the removal of the directory fails on, and says.
void DeleteOwnVolumes(virStoragePoolPtr handle, const std::string& pool) {
  if (virStoragePoolIsActive(handle) == 1) {
    virStoragePoolRefresh(handle, 0);
  } else if (virStoragePoolCreate(handle, 0) < 0) {
    return;
  }
  const std::string prefix = VolumePrefix(pool);
  for (const VolumeHandle& volume : ListAll<VolumeHandle>("list the volumes of storage pool " + pool, [&](auto* items) {
         return virStoragePoolListAllVolumes(handle, items, 0);
       })) {
    const std::string_view name = virStorageVolGetName(volume.get());
    if (name.starts_with(prefix)) virStorageVolDelete(volume.get(), 0);
  }
}

void DeleteDirectory(virStoragePoolPtr handle, const std::string& pool) {
  if (virStoragePoolDelete(handle, 0) == 0 || LastErrorCode() == VIR_ERR_NO_STORAGE_POOL) return;
  virError* const error = virGetLastError();
  const std::string message = error != nullptr && error->message != nullptr ? error->message : "no reason given";
  if (message.find(std::strerror(ENOENT)) != std::string::npos) return;  // it was not there
  throw LibvirtError(
      fmt::format("cannot remove the directory of storage pool {}: {}. If it holds files that are not "
                  "the cluster's, move them away and try again",
                  pool, Printable(message)));
}

void Remove(const PoolHandle& handle, bool delete_directory) {
  if (!handle) return;
  const std::string pool = virStoragePoolGetName(handle.get());
  if (delete_directory) DeleteOwnVolumes(handle.get(), pool);
  if (virStoragePoolIsActive(handle.get()) == 1) {
    Require(virStoragePoolDestroy(handle.get()), "stop storage pool " + pool);
  }
  if (delete_directory) DeleteDirectory(handle.get(), pool);
  // A transient pool is gone once it is stopped.
  if (virStoragePoolUndefine(handle.get()) == 0 || LastErrorCode() == VIR_ERR_NO_STORAGE_POOL) return;
  ThrowLastError("undefine storage pool " + pool);
}

}  // namespace

void LibvirtConnection::DefinePool(const std::string& xml) {
  const PoolHandle pool(virStoragePoolDefineXML(impl_->handle.get(), xml.c_str(), 0));
  if (!pool) ThrowLastError("define a storage pool");
}

void LibvirtConnection::BuildAndStartPool(const std::string& pool) {
  const PoolHandle handle = impl_->Pool(pool);
  Require(virStoragePoolBuild(handle.get(), 0), "make the directory of storage pool " + pool);
  Require(virStoragePoolCreate(handle.get(), 0), "start storage pool " + pool);
}

void LibvirtConnection::RefreshPool(const std::string& pool) {
  Require(virStoragePoolRefresh(impl_->Pool(pool).get(), 0), "refresh storage pool " + pool);
}

void LibvirtConnection::RemovePool(const std::string& pool, bool delete_directory) {
  Remove(impl_->FindPool(pool), delete_directory);
}

void LibvirtConnection::RemovePoolWithUuid(const std::string& uuid) {
  const PoolHandle handle(virStoragePoolLookupByUUIDString(impl_->handle.get(), uuid.c_str()));
  if (!handle && LastErrorCode() != VIR_ERR_NO_STORAGE_POOL) ThrowLastError("look up the pool with UUID " + uuid);
  Remove(handle, true);
}

void LibvirtConnection::CreateVolume(const std::string& pool, const std::string& xml) {
  // A handle of its own: freeing one forgets the thread's last error.
  const PoolHandle handle = impl_->Pool(pool);
  const VolumeHandle volume(virStorageVolCreateXML(handle.get(), xml.c_str(), 0));
  if (!volume) ThrowLastError("create a volume in storage pool " + pool);
}

void LibvirtConnection::UploadVolume(const std::string& pool, const std::string& volume,
                                     const std::filesystem::path& file, const Deadline& deadline) {
  const std::string what = fmt::format("upload {} to {}", file.string(), VolumeText(pool, volume));
  const VolumeHandle handle = impl_->Volume(pool, volume);
  const StreamHandle stream(virStreamNew(impl_->handle.get(), 0));
  if (!stream || virStorageVolUpload(handle.get(), stream.get(), 0, 0, 0) < 0) ThrowLastError(what);
  try {
    SendFile(stream.get(), file, what, deadline);
  } catch (...) {
    virStreamAbort(stream.get());
    throw;
  }
  Require(virStreamFinish(stream.get()), what);
}

}  // namespace passthrough
