namespace Cosmos.System;

public abstract class Kernel
{
    public Kernel() => throw null;

    public void Stop() => throw null;

    protected virtual void BeforeRun() => throw null;

    protected abstract void Run();
}
