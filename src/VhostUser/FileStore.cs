using System;
using System.IO;
using System.IO.MemoryMappedFiles;
using VirtioGuest.Devices.Block;
using VirtioGuest.VhostUser.Native;

namespace VirtioGuest.VhostUser;

/// <summary>
/// A disk in a file. What was written is in the file at once, and survives a loss of power once flushed.
/// </summary>
public sealed class FileStore : BlockStore, IDisposable
{
    private readonly FileStream _file;
    private readonly MemoryMappedFile? _mapping;
    private readonly FileView? _view;

    /// <summary>Opens a file.</summary>
    /// <param name="path">Which; nobody else may write to it meanwhile.</param>
    /// <exception cref="IOException">It cannot be opened for reading and writing.</exception>
    /// <exception cref="UnauthorizedAccessException">The same, for lack of a right.</exception>
    public FileStore(string path)
    {
        _file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        if (_file.Length != 0)
        {
            _mapping = MemoryMappedFile.CreateFromFile(
                _file, null, 0, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: true);
            _view = new FileView(_mapping);
        }
    }

    /// <inheritdoc/>
    public override ulong Length => (ulong)_file.Length;

    /// <inheritdoc/>
    public override Span<byte> Range(ulong offset, int length) =>
        length == 0 ? [] : _view!.Range(offset, length);

    /// <inheritdoc/>
    public override void Flush()
    {
        _view?.Flush();
        _file.Flush(flushToDisk: true);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _view?.Dispose();
        _mapping?.Dispose();
        _file.Dispose();
    }
}
