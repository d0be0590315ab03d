using System;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Devices.Entropy;

/// <summary>An entropy device (virtio 1.4, 5.4): it fills the buffers of its only queue from the front.</summary>
/// <remarks>
/// The bytes are drawn from a seed, so that a test can tell them. How late an answer comes is up to the queue's policy.
/// </remarks>
public sealed class EntropyDevice : VirtioDeviceModel
{
    private const int LargestBuffer = 1 << 20;

    private readonly SeededRandom _random;

    /// <summary>Creates a device.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="seed">What the bytes are drawn from.</param>
    public EntropyDevice(GuestMemory memory, ulong seed = 1)
        : base(4, 1, 0, memory)
    {
        _random = new SeededRandom(seed);
    }

    /// <summary>
    /// The most bytes that one buffer gets; 0 is a fault, because a device gives at least one (virtio 1.4, 5.4.6.2).
    /// </summary>
    public int LargestAnswer { get; set; } = int.MaxValue;

    /// <summary>How many bytes were given in all.</summary>
    public ulong Given { get; private set; }

    /// <inheritdoc/>
    protected override ulong TypeFeatures => 0;

    /// <summary>The bytes that a device gives first, for comparison.</summary>
    public static byte[] First(int count, ulong seed = 1)
    {
        byte[] bytes = new byte[count];
        new SeededRandom(seed).Fill(bytes);
        return bytes;
    }

    /// <inheritdoc/>
    protected override bool Serve(ModelQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        if (queue.Ring?.TryPop() is not DeviceChain chain)
        {
            return false;
        }

        if (chain.ReadableLength != 0)
        {
            // The driver places no readable buffer into the queue (virtio 1.4, 5.4.6.1).
            Report(DriverRule.RequestForm, $"a request has {chain.ReadableLength} readable bytes");
        }

        byte[] bytes = new byte[Math.Min(chain.WritableLength, (ulong)Math.Min(LargestAnswer, LargestBuffer))];
        _random.Fill(bytes);
        chain.TryWrite(0, bytes);
        Given += (ulong)bytes.Length;
        queue.Finish(chain, (uint)bytes.Length);
        return true;
    }
}
