using VirtioGuest.Hal;
using VirtioGuest.Recording;

namespace VirtioGuest.Simulation;

/// <summary>One processor's way to a <see cref="WeakMemory"/>. Other addresses are the real memory.</summary>
internal sealed unsafe class ProcessorAccess : MemorySimulation
{
    private readonly WeakMemory _memory;
    private readonly OrderingModel _ordering;
    private readonly Interleaving _interleaving;
    private readonly int _processor;

    internal ProcessorAccess(WeakMemory memory, OrderingModel ordering, Interleaving interleaving, int processor)
    {
        _memory = memory;
        _ordering = ordering;
        _interleaving = interleaving;
        _processor = processor;
    }

    /// <summary>The place that orders nothing.</summary>
    internal AccessSite WeakenedSite { get; init; }

    /// <summary>Whether the others are devices of a bus, whom a full barrier does not reach.</summary>
    internal bool IsBeforeBus { get; init; }

    /// <inheritdoc/>
    public override ulong Load(byte* address, int size, AccessSite site) => Load(address, size, acquires: false, site);

    /// <inheritdoc/>
    public override void Store(byte* address, int size, ulong value, AccessSite site) =>
        Store(address, size, value, releases: false, site);

    /// <inheritdoc/>
    public override ulong LoadAcquire(byte* address, int size, AccessSite site) =>
        Load(address, size, !IsWeakened(site), site);

    /// <inheritdoc/>
    public override void StoreRelease(byte* address, int size, ulong value, AccessSite site) =>
        Store(address, size, value, !IsWeakened(site), site);

    /// <inheritdoc/>
    public override void FullBarrier(AccessSite site)
    {
        if (IsWeakened(site))
        {
            return;
        }

        _interleaving.Step();
        Tell("full barrier", site);
        _interleaving.Recorder?.Barrier(_processor, isForDevice: false, site);
        if (!IsBeforeBus)
        {
            _ordering.FullBarrier(_processor);
        }

        _interleaving.Recorder?.Compare();
    }

    /// <inheritdoc/>
    public override void DeviceBarrier(AccessSite site)
    {
        if (!IsBeforeBus || IsWeakened(site))
        {
            return;
        }

        _interleaving.Step();
        Tell("device barrier", site);
        _interleaving.Recorder?.Barrier(_processor, isForDevice: true, site);
        _ordering.FullBarrier(_processor);
        _interleaving.Recorder?.Compare();
    }

    private bool IsWeakened(AccessSite site) => site != AccessSite.Unnamed && site == WeakenedSite;

    private ulong Load(byte* address, int size, bool acquires, AccessSite site)
    {
        if (!_memory.TryPlace(address, size, out int offset))
        {
            return Words.Read(address, size);
        }

        if (size == 8)
        {
            // Nothing may rely on 64 bits being one access.
            ulong low = LoadWord(offset, 4, acquires, site);
            return low | ((ulong)LoadWord(offset + 4, 4, acquires, site) << 32);
        }

        return LoadWord(offset, size, acquires, site);
    }

    private void Store(byte* address, int size, ulong value, bool releases, AccessSite site)
    {
        if (!_memory.TryPlace(address, size, out int offset))
        {
            Words.Write(address, size, value);
        }
        else if (size == 8)
        {
            StoreWord(offset, 4, (uint)value, releases, site);
            StoreWord(offset + 4, 4, (uint)(value >> 32), releases, site);
        }
        else
        {
            StoreWord(offset, size, (uint)value, releases, site);
        }
    }

    private uint LoadWord(int offset, int size, bool acquires, AccessSite site)
    {
        _interleaving.Step();
        uint value = _ordering.Load(_processor, offset, size, acquires);
        if (_interleaving.Trace is not null)
        {
            Tell($"{(acquires ? "load-acquire" : "load")}{8 * size} at {offset}: 0x{value:x}", site);
        }

        _interleaving.Recorder?.Access(StepKind.Load, _processor, offset, size, value, acquires, site);

        return value;
    }

    private void StoreWord(int offset, int size, uint value, bool releases, AccessSite site)
    {
        _interleaving.Step();
        if (_interleaving.Trace is not null)
        {
            Tell($"{(releases ? "store-release" : "store")}{8 * size} at {offset}: 0x{value:x}", site);
        }

        _ordering.Store(_processor, offset, size, value, releases);
        _interleaving.Recorder?.Access(StepKind.Store, _processor, offset, size, value, releases, site);
        _interleaving.NoteProgress();
    }

    private void Tell(string what, AccessSite site)
    {
        string place = site == AccessSite.Unnamed ? string.Empty : $" (site {(int)site})";
        _interleaving.Trace?.Add($"{_interleaving.NameOf(_processor)}: {what}{place}");
    }
}
