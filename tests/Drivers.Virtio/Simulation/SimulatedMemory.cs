using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>
/// Memory of a machine whose DMA is not coherent as far as bookkeeping goes: every hand-over is recorded byte by byte
/// and every unpaired one is a violation. Device addresses differ from the processor's, and regions have guards around
/// them.
/// </summary>
internal sealed unsafe class SimulatedMemory : DmaTag, IDisposable
{
    private const int GuardLength = 256;
    private const byte GuardByte = 0xA5;

    private readonly List<Region> _regions = new List<Region>();
    private ulong _nextDeviceAddress = 0x1_0000_0000;

    /// <summary>Whether the memory is coherent; hand-overs cost nothing then, and are not checked.</summary>
    public bool IsCoherent { get; init; }

    /// <summary>What went wrong, in words; empty where the driver kept the rules.</summary>
    public List<string> Violations { get; } = new List<string>();

    /// <summary>Called before each hand-over, so that a device can act there.</summary>
    public Action? BeforeHandOver { get; set; }

    /// <summary>How many allocations are still to succeed.</summary>
    public int AllocationsLeft { get; set; } = int.MaxValue;

    public int Allocated { get; private set; }

    public int Freed { get; private set; }

    public int Quarantined { get; private set; }

    public override DmaMemory? Allocate(uint length, DmaConstraints constraints)
    {
        if (AllocationsLeft == 0)
        {
            return null;
        }

        AllocationsLeft--;
        Allocated++;
        uint alignment = Math.Max(constraints.Alignment, GuardLength);
        byte* block = (byte*)NativeMemory.AlignedAlloc(length + (2 * GuardLength), alignment);
        NativeMemory.Fill(block, length + (2 * GuardLength), GuardByte);
        NativeMemory.Clear(block + GuardLength, length);
        Region region = new Region(this, block, block + GuardLength, _nextDeviceAddress, length);
        _nextDeviceAddress += (length + 0xFFFu) & ~0xFFFUL;
        lock (_regions)
        {
            _regions.Add(region);
        }

        return region;
    }

    public override DmaMap CreateMap(DmaMapLimits limits, BouncePool? bounce) =>
        throw new NotSupportedException("The drivers are given segments.");

    /// <summary>Where the device finds memory that it reads.</summary>
    public byte* DeviceReads(ulong deviceAddress, uint length) =>
        Find(deviceAddress, length, "reads").Address(deviceAddress);

    /// <summary>Where the device finds memory that it writes; the driver must have handed every byte over.</summary>
    public byte* DeviceWrites(ulong deviceAddress, uint length)
    {
        Region region = Find(deviceAddress, length, "writes");
        region.CheckWritable(deviceAddress, length);
        return region.Address(deviceAddress);
    }

    /// <summary>Where anything may be written, for devices that keep no rules.</summary>
    public byte* Raw(ulong deviceAddress) => Find(deviceAddress, 1, "forges").Address(deviceAddress);

    public byte[] Copy(ulong deviceAddress, uint length) =>
        new ReadOnlySpan<byte>(DeviceReads(deviceAddress, length), (int)length).ToArray();

    /// <summary>Whether bytes that the processor sees there lie in one region that was not given back.</summary>
    public bool Contains(byte* address, int size)
    {
        foreach (Region region in _regions)
        {
            if (region.Contains(address, size))
            {
                return true;
            }
        }

        return false;
    }

    public void CheckGuards()
    {
        foreach (Region region in _regions)
        {
            region.CheckGuards();
        }
    }

    public void Dispose()
    {
        foreach (Region region in _regions)
        {
            NativeMemory.AlignedFree(region.Block);
        }

        _regions.Clear();
    }

    private Region Find(ulong deviceAddress, uint length, string what)
    {
        Region? region;
        lock (_regions)
        {
            region = _regions.Find(r =>
                deviceAddress >= r.DeviceAddress && deviceAddress + length <= r.DeviceAddress + r.Length);
        }

        if (region == null)
        {
            throw new InvalidOperationException(
                $"the device {what} {length} bytes at {deviceAddress:x}: no such memory");
        }

        if (region.IsGone)
        {
            Violations.Add($"the device {what} freed memory");
        }

        return region;
    }

    private sealed class Region : DmaMemory
    {
        private readonly SimulatedMemory _owner;
        private readonly byte[] _state;

        public Region(SimulatedMemory owner, byte* block, byte* address, ulong deviceAddress, uint length)
            : base(address, deviceAddress, length, owner.IsCoherent)
        {
            _owner = owner;
            Block = block;
            _state = new byte[length];
        }

        public byte* Block { get; }

        public bool IsGone { get; private set; }

        public new byte* Address(ulong deviceAddress) => base.Address + (deviceAddress - DeviceAddress);

        public bool Contains(byte* address, int size) =>
            !IsGone && address >= base.Address && address + size <= base.Address + Length;

        public void CheckWritable(ulong deviceAddress, uint length)
        {
            for (uint i = 0; !IsCoherent && i < length; i++)
            {
                if ((_state[(uint)(deviceAddress - DeviceAddress) + i] & (byte)DmaSync.PreRead) == 0)
                {
                    _owner.Violations.Add("the device writes a byte that had no PREREAD");
                    return;
                }
            }
        }

        public void CheckGuards()
        {
            for (int i = 0; i < GuardLength; i++)
            {
                if (Block[i] != GuardByte || base.Address[Length + (uint)i] != GuardByte)
                {
                    _owner.Violations.Add("a guard around memory was overwritten");
                    return;
                }
            }
        }

        public override void Free()
        {
            IsGone = true;
            if (Array.Exists(_state, state => state != 0))
            {
                _owner.Violations.Add("memory was freed while it is the device's");
            }

            _owner.Freed++;
        }

        public override void Quarantine() => _owner.Quarantined++;

        protected override void SyncNonCoherent(uint offset, uint length, DmaSync operation, AccessSite site)
        {
            _owner.BeforeHandOver?.Invoke();
            if (IsGone)
            {
                _owner.Violations.Add($"{operation} of freed memory");
            }

            // POST before PRE: a call that has both takes the bytes over before it hands them back.
            for (uint i = offset; i < offset + length; i++)
            {
                Take(i, operation, DmaSync.PostRead, DmaSync.PreRead);
                Take(i, operation, DmaSync.PostWrite, DmaSync.PreWrite);
                Give(i, operation, DmaSync.PreRead);
                Give(i, operation, DmaSync.PreWrite);
            }
        }

        private void Take(uint index, DmaSync operation, DmaSync post, DmaSync pre)
        {
            if ((operation & post) == 0)
            {
                return;
            }

            if ((_state[index] & (byte)pre) == 0)
            {
                _owner.Violations.Add($"{post} without {pre} at byte {index}");
            }

            _state[index] &= (byte)~pre;
        }

        private void Give(uint index, DmaSync operation, DmaSync pre)
        {
            if ((operation & pre) == 0)
            {
                return;
            }

            if ((_state[index] & (byte)pre) != 0)
            {
                _owner.Violations.Add($"{pre} twice at byte {index}");
            }

            _state[index] |= (byte)pre;
        }
    }
}
