using System;
using System.IO;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Hal;
using VirtioGuest.Volumes;

namespace VirtioGuest.Kernel.Services.Block;

/// <summary>A disk, or a part of one such as a partition, as a stream of bytes of fixed length.</summary>
/// <remarks>
/// Whole blocks go to the disk as they are; where a read or write begins or ends inside of one, that block goes through
/// a buffer, and a write reads it first. One call at a time, as with every stream.
/// </remarks>
internal sealed class DiskStream : Stream
{
    private readonly Disk _disk;
    private readonly ulong _firstSector;
    private readonly long _length;
    private readonly byte[] _block;
    private long _position;

    /// <summary>Opens a part of a disk.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="firstSector">The part's first sector, at the start of a block.</param>
    /// <param name="count">How many sectors it has: whole blocks.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The part does not lie on the disk, is not made of whole blocks, or has more bytes than a stream can count.
    /// </exception>
    public DiskStream(Disk disk, ulong firstSector, ulong count)
    {
        bool isWhole = (firstSector | count) % (disk.BlockSize / Disk.SectorSize) == 0;
        if (!isWhole || !disk.Contains(firstSector, count) || count > long.MaxValue / Disk.SectorSize)
        {
            throw new ArgumentOutOfRangeException(nameof(count));
        }

        _disk = disk;
        _firstSector = firstSector;
        _length = (long)count * Disk.SectorSize;
        _block = GC.AllocateUninitializedArray<byte>((int)disk.BlockSize, pinned: true);
    }

    /// <summary>Opens a partition.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="number">The partition's number, from 1; logical ones of a master boot record begin with 5.</param>
    /// <exception cref="IOException">There is no such partition, or the table cannot be read.</exception>
    public static DiskStream OpenPartition(Disk disk, int number)
    {
        PartitionTable table = PartitionTable.Read(new DiskSectors(disk), new byte[disk.BlockSize]);
        foreach (Partition partition in table.Partitions)
        {
            if (partition.Number == number)
            {
                return new DiskStream(disk, partition.FirstSector, partition.SectorCount);
            }
        }

        throw new IOException(table.Failure is null
            ? $"{disk.Name}: there is no partition {number}"
            : $"{disk.Name}: {table.Failure.Of("the device")}");
    }

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => true;

    /// <inheritdoc/>
    public override bool CanWrite => !_disk.IsReadOnly;

    /// <inheritdoc/>
    public override long Length => _length;

    /// <inheritdoc/>
    public override long Position
    {
        get => _position;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            _position = value;
        }
    }

    /// <inheritdoc/>
    public override int Read(Span<byte> buffer)
    {
        int total = 0;
        while (NextPart(buffer.Length - total, out Part part))
        {
            Span<byte> data = buffer.Slice(total, part.Length);
            if (part.IsWhole)
            {
                Check(_disk.Read(part.Sector, data));
            }
            else
            {
                Check(_disk.Read(part.Sector, _block));
                _block.AsSpan(part.Offset, part.Length).CopyTo(data);
            }

            total += part.Length;
            _position += part.Length;
        }

        return total;
    }

    /// <inheritdoc/>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int total = 0;
        while (NextPart(buffer.Length - total, out Part part))
        {
            Memory<byte> data = buffer.Slice(total, part.Length);
            Memory<byte> destination = part.IsWhole ? data : _block;
            Check(await _disk.ReadAsync(part.Sector, destination, cancellationToken).ConfigureAwait(false));
            if (!part.IsWhole)
            {
                _block.AsMemory(part.Offset, part.Length).CopyTo(data);
            }

            total += part.Length;
            _position += part.Length;
        }

        return total;
    }

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        CheckRoom(buffer.Length);
        while (NextPart(buffer.Length, out Part part))
        {
            if (part.IsWhole)
            {
                Check(_disk.Write(part.Sector, buffer[..part.Length]));
            }
            else
            {
                Span<byte> block = _block;
                Check(_disk.Read(part.Sector, block));
                buffer[..part.Length].CopyTo(block[part.Offset..]);
                Check(_disk.Write(part.Sector, block));
            }

            buffer = buffer[part.Length..];
            _position += part.Length;
        }
    }

    /// <inheritdoc/>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public override async ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        CheckRoom(buffer.Length);
        while (NextPart(buffer.Length, out Part part))
        {
            ReadOnlyMemory<byte> source = buffer[..part.Length];
            if (!part.IsWhole)
            {
                Memory<byte> block = _block;
                Check(await _disk.ReadAsync(part.Sector, block, cancellationToken).ConfigureAwait(false));
                source.CopyTo(block[part.Offset..]);
                source = block;
            }

            Check(await _disk.WriteAsync(part.Sector, source, cancellationToken).ConfigureAwait(false));
            buffer = buffer[part.Length..];
            _position += part.Length;
        }
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <summary>Makes what was written durable.</summary>
    /// <exception cref="IOException">It may not be durable.</exception>
    public override void Flush() => Check(_disk.Flush());

    /// <inheritdoc cref="Flush"/>
    public override async Task FlushAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Check(await _disk.FlushAsync().ConfigureAwait(false));
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin)
    {
        long start = origin switch
        {
            SeekOrigin.Begin => 0,
            SeekOrigin.Current => _position,
            SeekOrigin.End => _length,
            _ => throw new ArgumentOutOfRangeException(nameof(origin)),
        };
        long position = checked(start + offset);
        if (position < 0)
        {
            throw new IOException("a position lies before the start of the stream");
        }

        return _position = position;
    }

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException("a disk has the length that it has");

    private void Check(BlockStatus status)
    {
        if (status != BlockStatus.Ok)
        {
            throw new IOException($"{_disk.Name}: {status.Describe()}");
        }
    }

    private void CheckRoom(int length)
    {
        if (length > _length - _position)
        {
            throw new IOException($"{_disk.Name}: a write goes beyond the end of the stream");
        }
    }

    /// <summary>Finds what the next step moves: as many whole blocks as there are, or a part of one.</summary>
    /// <param name="length">How many bytes are left to move.</param>
    /// <param name="part">The part.</param>
    /// <returns>False at the end.</returns>
    private bool NextPart(int length, out Part part)
    {
        part = default;
        long left = Math.Min(length, _length - _position);
        if (left <= 0)
        {
            return false;
        }

        part.Offset = (int)(_position % _block.Length);
        part.Sector = _firstSector + (ulong)((_position - part.Offset) / Disk.SectorSize);
        part.IsWhole = part.Offset == 0 && left >= _block.Length;
        part.Length = (int)(part.IsWhole
            ? left - (left % _block.Length)
            : Math.Min(left, _block.Length - part.Offset));
        return true;
    }

    /// <summary>A disk as partition tables are read from it.</summary>
    private sealed class DiskSectors(Disk disk) : ReadableDisk
    {
        public override ulong SectorCount => disk.SectorCount;

        public override uint BlockSize => disk.BlockSize;

        public override Failure? Read(ulong firstSector, byte[] destination)
        {
            BlockStatus status = disk.Read(firstSector, destination);
            return status == BlockStatus.Ok ? null : new Failure(status.Describe(), isSentence: true);
        }
    }

    /// <summary>What one step moves.</summary>
    private struct Part
    {
        /// <summary>The first sector of its blocks.</summary>
        public ulong Sector;

        /// <summary>Where it begins in its block.</summary>
        public int Offset;

        /// <summary>How many bytes it has.</summary>
        public int Length;

        /// <summary>Whether it is whole blocks.</summary>
        public bool IsWhole;
    }
}
