using System;
using System.Buffers.Binary;

namespace VirtioGuest.Devices;

/// <summary>A device's configuration space and its generation (virtio 1.4, 2.5).</summary>
/// <remarks>
/// The generation moves when a change meets a read, not with every change, as 4.1.4.3.1 advises: eight bits cannot come
/// round unnoticed in between.
/// </remarks>
internal sealed class DeviceConfiguration
{
    private readonly byte[] _bytes;
    private bool _hasChanged;

    public DeviceConfiguration(int length)
    {
        _bytes = new byte[length];
    }

    public byte Generation { get; private set; }

    public int Length => _bytes.Length;

    /// <summary>What it holds, for the device's own use; it tells of a change by <see cref="MarkChanged"/>.</summary>
    public Span<byte> Bytes => _bytes;

    public void MarkChanged() => _hasChanged = true;

    public bool Holds(uint offset, int width) => offset <= _bytes.Length && width <= _bytes.Length - (int)offset;

    /// <summary>Reads 1, 2 or 4 bytes that <see cref="Holds"/> has found to be there.</summary>
    public uint Read(uint offset, int width)
    {
        if (_hasChanged)
        {
            Generation++;
            _hasChanged = false;
        }

        ReadOnlySpan<byte> field = _bytes.AsSpan((int)offset, width);
        return width switch
        {
            1 => field[0],
            2 => BinaryPrimitives.ReadUInt16LittleEndian(field),
            _ => BinaryPrimitives.ReadUInt32LittleEndian(field),
        };
    }
}
