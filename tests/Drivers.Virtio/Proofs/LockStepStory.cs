using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>
/// A driver and a device that act in turn, so that it is known at each step what either has to find: a buffer that was
/// published is found at the first look, a request for a notification is seen at once, and a reset gives everything
/// back.
/// </summary>
internal sealed record LockStepStory(string Name)
{
    private const int Rounds = 12;

    /// <summary>The first buffer is added before the device has said anything.</summary>
    public static readonly LockStepStory FirstKick = new("first kick") { StartsSilently = true };

    /// <summary>Each used buffer is found at the first look that was ever taken for it.</summary>
    public static readonly LockStepStory FirstLook = new("found at the first look");

    /// <summary>The driver looks in vain once before the device has used anything.</summary>
    public static readonly LockStepStory SecondLook = new("found at the second look") { LooksInVain = 1 };

    /// <summary>The driver looks in vain again and again, as a polling loop does.</summary>
    public static readonly LockStepStory Polling = new("polling") { LooksInVain = 3 };

    /// <summary>The device is reset while it has buffers.</summary>
    public static readonly LockStepStory Reset = new("reset") { LooksInVain = 1, EndsInReset = true };

    /// <summary>The device is reset while it has buffers and the driver has not looked at any of them.</summary>
    public static readonly LockStepStory BlindReset = new("reset, unlooked at") { EndsInReset = true };

    /// <summary>All stories.</summary>
    public static readonly LockStepStory[] All = { FirstKick, FirstLook, SecondLook, Polling, Reset, BlindReset };

    /// <summary>Whether the device has said nothing about notifications when the first buffer is added.</summary>
    public bool StartsSilently { get; init; }

    /// <summary>How often the driver looks before the device has used anything.</summary>
    public int LooksInVain { get; init; }

    /// <summary>Whether the device is reset while it has buffers.</summary>
    public bool EndsInReset { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>Runs the story in a memory that is installed.</summary>
    /// <exception cref="SimulationFailedException">Something was not as it has to be.</exception>
    public void Run(SimulatedDma dma, DmaTag memory, Features form)
    {
        LockStep exchange = new LockStep(dma, memory, form);
        if (StartsSilently)
        {
            exchange.PostFirst();
            exchange.Complete(0);
        }

        for (int round = 0; round < Rounds; round++)
        {
            exchange.Post(round, LooksInVain);
            exchange.Complete(round);
        }

        if (EndsInReset)
        {
            exchange.Post(Rounds, LooksInVain);
        }

        exchange.Release();
    }
}
