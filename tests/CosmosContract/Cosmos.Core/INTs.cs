namespace Cosmos.Core;

public class INTs
{
    internal INTs() => throw null;

    public delegate void IRQDelegate(ref IRQContext aContext);

    public static void SetIrqHandler(byte aIrqNo, IRQDelegate aHandler) => throw null;

    public static void SetIRQMaskState(byte aIRQLine, bool aDoMask) => throw null;

    public struct IRQContext
    {
    }
}
