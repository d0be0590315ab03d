using System;
using System.Buffers.Binary;
using System.Text;
using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.Text;
using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Services.Capture;

/// <summary>Where a capture file goes, from its first byte to its last.</summary>
internal abstract class CaptureTarget
{
    protected CaptureTarget(long room, int batch, string place)
    {
        Room = room;
        Batch = batch;
        Place = place;
    }

    /// <summary>How many bytes there is room for.</summary>
    public long Room { get; }

    /// <summary>How many bytes are worth writing at once.</summary>
    public int Batch { get; }

    /// <summary>Where the file is, for people.</summary>
    public string Place { get; }

    /// <summary>Writes the next bytes; waits for that.</summary>
    /// <returns>Null, or why it failed.</returns>
    public abstract Failure? Write(ReadOnlySpan<byte> bytes);

    /// <summary>Sees to it that everything is written.</summary>
    /// <returns>Null, or why it failed.</returns>
    public abstract Failure? Finish();
}

/// <summary>The start of a disk, which is overwritten. Its first section says in the end how long it is.</summary>
internal sealed class DiskTarget : CaptureTarget
{
    /// <summary>The smallest disk in sectors: room for a packet of any size, and for what belongs to every file.
    /// </summary>
    public const ulong FewestSectors = 256;

    private const int BufferLength = 64 * 1024;

    private readonly SectorDevice _disk;
    private readonly byte[] _buffer = new byte[BufferLength];
    private int _buffered;
    private ulong _sector;

    private DiskTarget(SectorDevice disk)
        : base((long)(Math.Min(disk.SectorCount, long.MaxValue / SectorDevice.SectorSize / 2) * SectorDevice.SectorSize)
            / BufferLength * BufferLength, BufferLength, "at the start of " + disk.Name)
    {
        _disk = disk;
    }

    /// <summary>The disk.</summary>
    public SectorDevice Disk => _disk;

    /// <summary>Looks whether a disk can take a capture.</summary>
    /// <param name="disk">The disk; nothing is written to it yet.</param>
    /// <param name="failure">Why it cannot.</param>
    public static DiskTarget? TryCreate(SectorDevice disk, out Failure? failure)
    {
        string? why = !disk.IsUsable ? "is out of use"
            : disk.IsReadOnly ? "is read-only"
            : disk.SectorCount < FewestSectors ? $"is too small: a capture takes at least {FewestSectors} sectors"
            : disk.BlockSize > BufferLength ? "has blocks too large for a capture"
            : null;
        failure = why is null ? null : new Failure(why);
        return why is null ? new DiskTarget(disk) : null;
    }

    /// <inheritdoc/>
    public override Failure? Write(ReadOnlySpan<byte> bytes)
    {
        Failure? failure = null;
        while (!bytes.IsEmpty && failure is null)
        {
            int count = Math.Min(bytes.Length, BufferLength - _buffered);
            bytes[..count].CopyTo(_buffer.AsSpan(_buffered));
            bytes = bytes[count..];
            _buffered += count;
            if (_buffered == BufferLength)
            {
                failure = _disk.Write(_sector, _buffer);
                _sector += BufferLength / SectorDevice.SectorSize;
                _buffered = 0;
            }
        }

        return failure;
    }

    /// <inheritdoc/>
    public override Failure? Finish()
    {
        int block = (int)Math.Max(_disk.BlockSize, SectorDevice.SectorSize);
        long length = ((long)_sector * SectorDevice.SectorSize) + _buffered;
        int rest = (_buffered + block - 1) / block * block;
        _buffer.AsSpan(_buffered, rest - _buffered).Clear();
        Failure? failure = rest == 0 ? null : _disk.Write(_sector, _buffer.AsSpan(0, rest).ToArray());

        byte[] first = new byte[block];
        failure ??= _disk.Read(0, first);
        BinaryPrimitives.WriteInt64LittleEndian(
            first.AsSpan(Pcapng.SectionLengthOffset), length - Pcapng.SectionHeaderLength);
        failure ??= _disk.Write(0, first);
        return failure ?? _disk.Flush();
    }
}

/// <summary>
/// The serial line, among whatever else is said there: lines of Base64 (RFC 4648) behind a mark and the interface's
/// name. Taken together, without the marks, they are the file.
/// </summary>
internal sealed class SerialTarget : CaptureTarget
{
    /// <summary>What such a line starts with.</summary>
    public const string Mark = "pcapng";

    // A multiple of three, so that only the last line needs padding; the line is written in one piece.
    private const int BytesPerLine = 57 * 3;

    private readonly TextOutput _output;
    private readonly byte[] _line = new byte[BytesPerLine];
    private readonly byte[] _text;
    private readonly int _prefixLength;
    private int _length;

    public SerialTarget(TextOutput output, string name)
        : base(long.MaxValue, 1, $"in the lines with \"{Mark} {name}\"")
    {
        _output = output;
        byte[] prefix = Encoding.ASCII.GetBytes($"{Mark} {name} ");
        _prefixLength = prefix.Length;
        _text = [.. prefix, .. new byte[(BytesPerLine / 3 * 4) + 1]];
    }

    /// <inheritdoc/>
    public override Failure? Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int count = Math.Min(bytes.Length, BytesPerLine - _length);
            bytes[..count].CopyTo(_line.AsSpan(_length));
            bytes = bytes[count..];
            _length += count;
            if (_length == BytesPerLine)
            {
                WriteLine();
            }
        }

        return null;
    }

    /// <inheritdoc/>
    public override Failure? Finish()
    {
        if (_length > 0)
        {
            WriteLine();
        }

        return null;
    }

    private void WriteLine()
    {
        System.Buffers.Text.Base64.EncodeToUtf8(
            _line.AsSpan(0, _length), _text.AsSpan(_prefixLength), out _, out int written);
        _text[_prefixLength + written] = (byte)'\n';
        _output.Write(_text.AsSpan(0, _prefixLength + written + 1));
        _length = 0;
    }
}
