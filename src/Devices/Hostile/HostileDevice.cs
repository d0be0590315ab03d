using System;
using System.Collections.Generic;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Devices.Hostile;

/// <summary>
/// A device of any type that answers requests with anything or never, and forges the rings that it is given.
/// </summary>
/// <remarks>
/// It can offer every feature. Wherever it is not told to be hostile it is a device that completes every buffer as
/// written up to a random place, which is legal, with zeros, of which most are a success.
/// </remarks>
public sealed class HostileDevice : VirtioDeviceModel
{
    private const int NoiseLength = 256;

    private readonly SeededRandom _random;
    private readonly Hostility _hostility;
    private readonly RingForgery _forgery;
    private readonly HashSet<int> _stuckQueues = new HashSet<int>();
    private readonly byte[] _noise = new byte[NoiseLength];

    /// <summary>Creates a device.</summary>
    /// <param name="deviceType">Its device ID (virtio 1.4, 5).</param>
    /// <param name="queueCount">How many queues it has.</param>
    /// <param name="configurationLength">The size of its configuration space in bytes.</param>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="random">What its choices are drawn from.</param>
    /// <param name="hostility">In what it is hostile.</param>
    public HostileDevice(
        ushort deviceType,
        int queueCount,
        int configurationLength,
        GuestMemory memory,
        SeededRandom random,
        Hostility hostility)
        : base(deviceType, queueCount, configurationLength, memory)
    {
        _random = random;
        _hostility = hostility;
        _forgery = new RingForgery(memory, random);
    }

    /// <summary>Its configuration space, to be filled before a driver comes or in a change.</summary>
    public Span<byte> Fields => ConfigurationStore;

    /// <inheritdoc/>
    protected override ulong TypeFeatures => ulong.MaxValue;

    /// <inheritdoc/>
    protected override ulong TypeHighFeatures => ulong.MaxValue;

    /// <summary>Forges something in one of the queues, where it is hostile in that.</summary>
    public void ForgeRings()
    {
        if ((_hostility & Hostility.Rings) != 0)
        {
            _forgery.Forge(Queues[_random.Below(Queues.Length)], (DriverFeatures & FeatureBit.RingPacked) != 0);
        }
    }

    /// <inheritdoc/>
    protected override void OnReset() => _stuckQueues.Clear();

    /// <inheritdoc/>
    protected override void OnQueueReset(ModelQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        _stuckQueues.Remove(queue.Index);
    }

    /// <inheritdoc/>
    protected override bool Serve(ModelQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        if (queue.Ring?.TryPop() is not DeviceChain chain)
        {
            return false;
        }

        bool isHostile = (_hostility & Hostility.Requests) != 0;
        if (isHostile && _random.Chance(15))
        {
            _stuckQueues.Add(queue.Index);
        }

        // In order, nothing can be used behind a buffer that never is.
        if (_stuckQueues.Contains(queue.Index) && (queue.Ring.IsInOrder || _random.Chance(30)))
        {
            return true;
        }

        int length = (int)Math.Min(chain.WritableLength, NoiseLength);
        Span<byte> answer = _noise.AsSpan(0, length);
        answer.Clear();
        if (isHostile)
        {
            _random.Fill(answer);
        }

        chain.TryWrite(0, answer);
        chain.TryWrite(chain.WritableLength - (ulong)length, answer);
        queue.Finish(chain, (uint)(_random.WideBits() % (chain.WritableLength + 1)));
        return true;
    }
}

/// <summary>In what a hostile device breaks the rules; in all else it behaves well.</summary>
[Flags]
public enum Hostility
{
    /// <summary>In nothing.</summary>
    None = 0,

    /// <summary>
    /// The capability list: loops, overlaps, links into the header, ranges outside of their base address, zero lengths,
    /// wrong base addresses, misalignment, truncation, an MSI-X table that is nowhere, extended ones likewise.
    /// </summary>
    Capabilities = 1 << 0,

    /// <summary>What the configuration header says, base addresses included, from one read to the next.</summary>
    Header = 1 << 1,

    /// <summary>The control registers: number of queues, sizes, features, vectors, places for notifications.</summary>
    Control = 1 << 2,

    /// <summary>The device-specific configuration.</summary>
    Configuration = 1 << 3,

    /// <summary>The MSI-X table does not keep what is written.</summary>
    Vectors = 1 << 4,

    /// <summary>Interrupts for each access or for nothing, to addresses that nobody gave, on a stuck line.</summary>
    Interrupts = 1 << 5,

    /// <summary>Anything is written into whatever memory a queue has.</summary>
    Rings = 1 << 6,

    /// <summary>Requests are answered with anything, or never.</summary>
    Requests = 1 << 7,

    /// <summary>Resets, negotiation, changes of configuration and of state that never come to an end.</summary>
    Endless = 1 << 8,

    /// <summary>In everything.</summary>
    All = (1 << 9) - 1,
}
