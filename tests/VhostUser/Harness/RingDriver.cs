using System;
using System.Diagnostics;
using System.Threading;
using NUnit.Framework;

namespace VirtioGuest.VhostUser.Tests.Harness;

/// <summary>
/// A driver of a disk that is written for these tests alone: one request at a time or several, in rings of 16, each
/// request a chain of three descriptors.
/// </summary>
public sealed class RingDriver
{
    public const int Size = 16;
    public const uint In = 0;
    public const uint Out = 1;

    public const ulong Descriptors = FrontEnd.GuestBase + 0x1000;
    public const ulong DriverArea = FrontEnd.GuestBase + 0x2000;
    public const ulong DeviceArea = FrontEnd.GuestBase + 0x3000;

    private const ulong Buffers = FrontEnd.GuestBase + 0x4000;
    private const int BufferLength = 0x1000;
    private const ushort Next = 1;
    private const ushort Writable = 2;
    private const int MostRequests = 5;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    private readonly SharedMemoryFile _memory;
    private readonly bool _isPacked;
    private int _slot;
    private bool _wrap = true;
    private int _usedSlot;
    private bool _usedWrap = true;
    private ushort _available;
    private ushort _used;
    private int _request;

    public RingDriver(SharedMemoryFile memory, bool isPacked)
    {
        _memory = memory;
        _isPacked = isPacked;
    }

    /// <summary>Where a device begins in a new ring.</summary>
    public uint Start => _isPacked ? 0x8000_8000 : 0;

    /// <summary>How many requests have come back.</summary>
    public int Completed { get; private set; }

    /// <summary>Where the last request's first descriptor is.</summary>
    public ulong LastDescriptor { get; private set; }

    /// <summary>The length that a request's data has.</summary>
    public uint DataLength { get; set; } = 512;

    /// <summary>Where requests say that their data is; in the shared memory, unless told otherwise.</summary>
    public ulong? DataAddress { get; set; }

    /// <summary>Has the device use the ring.</summary>
    public void Open(FrontEnd front, uint? start = null) =>
        front.StartQueue(0, Size, Descriptors, DriverArea, DeviceArea, start ?? Start);

    /// <summary>Makes a request available, and does not notify.</summary>
    /// <param name="type">What is asked: <see cref="In"/> or <see cref="Out"/>.</param>
    /// <param name="sector">Where.</param>
    /// <param name="fill">What each byte is that is written.</param>
    /// <returns>The request, for <see cref="StatusOf"/>.</returns>
    public int Add(uint type, ulong sector, byte fill = 0)
    {
        int request = _request++ % MostRequests;
        ulong start = BufferOf(request);
        _memory.Write32(start, type);
        _memory.Write32(start + 4, 0);
        _memory.Write64(start + 8, sector);
        for (uint i = 0; i < DataLength; i++)
        {
            _memory.Write8(start + 512 + i, fill);
        }

        _memory.Write8(start + 16, 0xFF);
        ulong data = DataAddress ?? start + 512;
        bool isRead = type == In;
        (ulong Address, uint Length, ushort Flags)[] parts =
        [
            (start, 16, Next),
            (data, DataLength, (ushort)(Next | (isRead ? Writable : 0))),
            (start + 16, 1, Writable),
        ];
        if (_isPacked)
        {
            AddPacked(parts, (ushort)request);
        }
        else
        {
            AddSplit(parts, (ushort)(3 * request));
        }

        return request;
    }

    /// <summary>Waits until so many requests have come back.</summary>
    public void Await(int count)
    {
        long start = Stopwatch.GetTimestamp();
        while (Completed < count)
        {
            if (TakeUsed())
            {
                continue;
            }

            Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(s_limit), "the device answers");
            Thread.Sleep(1);
        }
    }

    /// <summary>The status of a request, 0 for success.</summary>
    public byte StatusOf(int request) => _memory.Read8(BufferOf(request) + 16);

    /// <summary>The first byte of a request's data.</summary>
    public byte FirstByteOf(int request) => _memory.Read8(BufferOf(request) + 512);

    private static ulong BufferOf(int request) => Buffers + (BufferLength * (ulong)request);

    private void AddSplit((ulong Address, uint Length, ushort Flags)[] parts, ushort head)
    {
        for (int i = 0; i < parts.Length; i++)
        {
            Write(head + i, parts[i].Address, parts[i].Length, parts[i].Flags, (ushort)(head + i + 1));
        }

        LastDescriptor = Descriptors + (16 * (ulong)head);
        _memory.Write16(DriverArea + 4 + (2 * (ulong)(_available % Size)), head);
        _available++;
        Thread.MemoryBarrier();
        _memory.Write16(DriverArea + 2, _available);
    }

    private void AddPacked((ulong Address, uint Length, ushort Flags)[] parts, ushort id)
    {
        int head = _slot;
        ushort headFlags = 0;
        for (int i = 0; i < parts.Length; i++)
        {
            ushort flags = (ushort)(parts[i].Flags | (_wrap ? 1 << 7 : 1 << 15));
            if (i == 0)
            {
                headFlags = flags;
                flags = _memory.Read16(Descriptors + (16 * (ulong)_slot) + 14);
            }

            Write(_slot, parts[i].Address, parts[i].Length, id, flags);
            _slot++;
            if (_slot == Size)
            {
                (_slot, _wrap) = (0, !_wrap);
            }
        }

        LastDescriptor = Descriptors + (16 * (ulong)head);
        Thread.MemoryBarrier();
        _memory.Write16(LastDescriptor + 14, headFlags);
    }

    private void Write(int slot, ulong address, uint length, ushort third, ushort fourth)
    {
        ulong at = Descriptors + (16 * (ulong)slot);
        _memory.Write64(at, address);
        _memory.Write32(at + 8, length);
        _memory.Write16(at + 12, third);
        _memory.Write16(at + 14, fourth);
    }

    private bool TakeUsed()
    {
        if (!_isPacked)
        {
            bool isUsed = _memory.Read16(DeviceArea + 2) != _used;
            _used += (ushort)(isUsed ? 1 : 0);
            Completed += isUsed ? 1 : 0;
            return isUsed;
        }

        ushort flags = _memory.Read16(Descriptors + (16 * (ulong)_usedSlot) + 14);
        if (((flags >> 7) & 1) != (flags >> 15) || (flags >> 15 != 0) != _usedWrap)
        {
            return false;
        }

        Completed++;
        _usedSlot += 3;
        if (_usedSlot >= Size)
        {
            (_usedSlot, _usedWrap) = (_usedSlot - Size, !_usedWrap);
        }

        return true;
    }
}
