using VirtioGuest.Conformance.Events;

namespace VirtioGuest.Conformance.Judge;

/// <summary>Requests of an entropy device (virtio 1.4, 5.4.6).</summary>
internal sealed class EntropyRules : RuleSet
{
    /// <inheritdoc/>
    public override void OnTaken(BufferTaken taken)
    {
        ulong length = taken.Buffer.ReadableLength;
        Expect("drv.rng.1", length == 0, PlaceOf(taken.Queue), $"a buffer has {length} bytes to read");
    }
}
