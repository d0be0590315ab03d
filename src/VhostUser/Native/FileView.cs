using System;
using System.IO.MemoryMappedFiles;

namespace VirtioGuest.VhostUser.Native;

/// <summary>A mapped file as spans.</summary>
internal sealed unsafe class FileView : IDisposable
{
    private readonly MemoryMappedViewAccessor _accessor;
    private readonly byte* _start;

    public FileView(MemoryMappedFile file)
    {
        _accessor = file.CreateViewAccessor();
        _accessor.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
    }

    /// <summary>A part, which lies within the file.</summary>
    public Span<byte> Range(ulong offset, int length)
    {
        ulong end = offset + (ulong)length;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(end, (ulong)_accessor.Capacity, nameof(offset));
        return new Span<byte>(_start + offset, length);
    }

    /// <summary>Writes back what was changed.</summary>
    public void Flush() => _accessor.Flush();

    public void Dispose()
    {
        _accessor.SafeMemoryMappedViewHandle.ReleasePointer();
        _accessor.Dispose();
    }
}
