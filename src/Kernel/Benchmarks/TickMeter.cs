using System.Runtime.CompilerServices;
using VirtioGuest.Kernel.Services;

namespace VirtioGuest.Kernel.Benchmarks;

/// <summary>Adds up what is spent in the driver.</summary>
internal sealed class TickMeter : DriverMeter
{
    private const int Attempts = 64;

    private readonly ulong _emptyPair;

    private TickMeter(ulong emptyPair)
    {
        _emptyPair = emptyPair;
        Submit = new TickCount(emptyPair);
        Notify = new TickCount(emptyPair);
        Complete = new TickCount(emptyPair);
    }

    public TickCount Submit { get; }

    public TickCount Notify { get; }

    public TickCount Complete { get; }

    /// <summary>What the looks at the counter took, about.</summary>
    public ulong OwnTicks => (Submit.Pairs + Notify.Pairs + Complete.Pairs) * _emptyPair;

    /// <summary>Creates a meter that leaves out what its own looks add to what they measure.</summary>
    public static TickMeter Create()
    {
        var probe = new TickMeter(0);
        for (int i = 0; i < Attempts; i++)
        {
            Measure(probe);
        }

        return new TickMeter(probe.Complete.Median);
    }

    public override ulong Begin() => TickCount.Begin();

    public override void EndSubmit(ulong begun) => Submit.End(begun);

    public override void EndNotify(ulong begun) => Notify.End(begun);

    public override void EndComplete(ulong begun) => Complete.End(begun);

    // As those do it who are measured.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Measure(DriverMeter? meter)
    {
        ulong begun = meter?.Begin() ?? 0;
        meter?.EndComplete(begun);
    }
}
