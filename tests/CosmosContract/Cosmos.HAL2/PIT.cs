using Cosmos.Core;

namespace Cosmos.HAL;

public class PIT : Device
{
    internal PIT() => throw null;

    public int RegisterTimer(PITTimer timer) => throw null;

    public class PITTimer
    {
        public PITTimer(OnTrigger callback, ulong nanosecondsTimeout, bool recurring) => throw null;

        public delegate void OnTrigger(INTs.IRQContext irqContext);
    }
}
