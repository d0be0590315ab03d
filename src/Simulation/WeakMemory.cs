using System;
using System.Runtime.InteropServices;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>
/// A small memory that several simulated processors share under weak ordering. Devices see it at other addresses, and
/// are processors like any other.
/// </summary>
/// <remarks>
/// While a scenario is made, and while its result is checked, it is plain memory. In between, a
/// <see cref="ScheduleExplorer"/> decides what each access through <see cref="SharedMemory"/> sees; pointers must not
/// be used otherwise. Nothing is ever freed: each schedule starts with an empty memory.
/// </remarks>
public sealed unsafe class WeakMemory : IDisposable
{
    private const ulong FirstDeviceAddress = 0x2_0000_0000;
    private const uint PageSize = 4096;

    private readonly byte* _memory;
    private readonly int _length;
    private Interleaving? _interleaving;
    private int _used;
    private int _signals;

    internal WeakMemory(int length)
    {
        if (length <= 0 || length % PageSize != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(length));
        }

        _length = length;
        _memory = (byte*)NativeMemory.AlignedAlloc((nuint)length, PageSize);
        NativeMemory.Clear(_memory, (nuint)length);
        Dma = new WeakDmaTag(this);
        GuestMemory = new WeakGuestMemory(this);
    }

    /// <summary>The memory as a driver asks for it: coherent.</summary>
    public DmaTag Dma { get; }

    /// <summary>The memory as a device sees it.</summary>
    public GuestMemory GuestMemory { get; }

    /// <summary>The start of the memory.</summary>
    internal byte* Start => _memory;

    /// <summary>How many bytes are in use.</summary>
    internal int Used => _used;

    /// <summary>Sets zeroed memory aside, while a scenario is made.</summary>
    /// <param name="length">Bytes, at least 1.</param>
    /// <param name="alignment">A power of two, at most 4096.</param>
    /// <returns>Where it is, or null where no more is left.</returns>
    public byte* Allocate(uint length, uint alignment = 8)
    {
        if (length == 0 || alignment == 0 || alignment > PageSize || (alignment & (alignment - 1)) != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(alignment));
        }

        if (_interleaving is { IsRunning: true })
        {
            throw new InvalidOperationException("Memory is set aside before the processors run.");
        }

        long start = (_used + (long)alignment - 1) & -(long)alignment;
        if (start + length > _length)
        {
            return null;
        }

        _used = (int)(start + length);
        return _memory + start;
    }

    /// <summary>Where a device sees a place in the memory.</summary>
    public ulong DeviceAddress(byte* address) => FirstDeviceAddress + (ulong)(address - _memory);

    /// <summary>Finds what a device sees.</summary>
    /// <param name="deviceAddress">The first byte.</param>
    /// <param name="length">How many bytes, at least 1.</param>
    /// <returns>The place in the memory, or null where this is none of it.</returns>
    public byte* DeviceView(ulong deviceAddress, ulong length)
    {
        ulong offset = deviceAddress - FirstDeviceAddress;
        return deviceAddress >= FirstDeviceAddress && offset < (ulong)_used && length <= (ulong)_used - offset
            ? _memory + offset
            : null;
    }

    /// <summary>Creates a signal between processors, while a scenario is made.</summary>
    public Signal CreateSignal() => new Signal(Running, ++_signals);

    /// <summary>
    /// Lets the others go on, in a loop that found nothing to do. A schedule in which everybody does nothing but this
    /// has failed.
    /// </summary>
    public void Pause() => Running.Pause();

    /// <inheritdoc/>
    public void Dispose() => NativeMemory.AlignedFree(_memory);

    /// <summary>Says who runs the processors.</summary>
    internal void Attach(Interleaving interleaving) => _interleaving = interleaving;

    /// <summary>Empties the memory.</summary>
    internal void Reset()
    {
        NativeMemory.Clear(_memory, (nuint)_used);
        _used = 0;
        _signals = 0;
    }

    /// <summary>Finds a place in the memory.</summary>
    /// <returns>False where the address is not in the memory at all.</returns>
    /// <exception cref="SimulationFailedException">It is, but not one that may be accessed so.</exception>
    internal bool TryPlace(byte* address, int size, out int offset)
    {
        long place = address - _memory;
        offset = (int)place;
        if (place < 0 || place >= _length)
        {
            return false;
        }

        Scenario.Require(place + size <= _used, $"an access to byte {place}, which nobody set aside");
        Scenario.Require((place & (size - 1)) == 0, $"an access of {size} bytes to byte {place}, which is not aligned");
        return true;
    }

    private Interleaving Running => _interleaving ?? throw new InvalidOperationException("Nobody runs processors.");
}

/// <summary>Gives a <see cref="WeakMemory"/> out to a driver.</summary>
internal sealed unsafe class WeakDmaTag : DmaTag
{
    private readonly WeakMemory _memory;

    internal WeakDmaTag(WeakMemory memory)
    {
        _memory = memory;
    }

    /// <inheritdoc/>
    public override DmaMemory? Allocate(uint length, DmaConstraints constraints)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        uint alignment = constraints.AlignmentFor(length);
        byte* address = alignment == 0 ? null : _memory.Allocate(length, alignment);
        return address is null || !constraints.Allow(_memory.DeviceAddress(address), length)
            ? null
            : new WeakDmaMemory(address, _memory.DeviceAddress(address), length);
    }

    /// <inheritdoc/>
    public override DmaMap CreateMap(DmaMapLimits limits, BouncePool? bounce) =>
        new WeakDmaMap(_memory, limits, bounce);
}

/// <summary>A map of a <see cref="WeakMemory"/>, which is contiguous.</summary>
internal sealed unsafe class WeakDmaMap : DmaMap
{
    private readonly WeakMemory _memory;

    internal WeakDmaMap(WeakMemory memory, DmaMapLimits limits, BouncePool? bounce)
        : base(limits, bounce)
    {
        _memory = memory;
    }

    /// <inheritdoc/>
    protected override DmaStatus LoadDirect(byte* buffer, uint length)
    {
        ulong deviceAddress = _memory.DeviceAddress(buffer);
        return _memory.DeviceView(deviceAddress, length) is null
            ? DmaStatus.Unreachable
            : Append(deviceAddress, length);
    }

    /// <inheritdoc/>
    protected override void SyncDirect(uint offset, uint length, DmaSync operation, AccessSite site)
    {
    }

    /// <inheritdoc/>
    protected override void UnloadDirect()
    {
    }
}

/// <summary>A part of a <see cref="WeakMemory"/>.</summary>
internal sealed unsafe class WeakDmaMemory : DmaMemory
{
    internal WeakDmaMemory(byte* address, ulong deviceAddress, uint length)
        : base(address, deviceAddress, length, isCoherent: true)
    {
    }

    /// <inheritdoc/>
    /// <remarks>The next schedule starts with an empty memory.</remarks>
    public override void Free()
    {
    }

    /// <inheritdoc/>
    public override void Quarantine()
    {
    }

    /// <inheritdoc/>
    /// <remarks>Never called: the memory is coherent.</remarks>
    protected override void SyncNonCoherent(uint offset, uint length, DmaSync operation, AccessSite site) =>
        throw new InvalidOperationException("Coherent memory needs no maintenance.");
}

/// <summary>A <see cref="WeakMemory"/> as a device sees it.</summary>
internal sealed unsafe class WeakGuestMemory : GuestMemory
{
    private readonly WeakMemory _memory;

    internal WeakGuestMemory(WeakMemory memory)
    {
        _memory = memory;
    }

    /// <inheritdoc/>
    public override bool TryTranslate(ulong deviceAddress, ulong length, GuestAccess access, out byte* pointer)
    {
        pointer = length == 0 ? null : _memory.DeviceView(deviceAddress, length);
        return pointer is not null;
    }
}
