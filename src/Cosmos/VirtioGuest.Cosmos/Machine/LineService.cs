namespace VirtioGuest.Cosmos.Machine;

/// <summary>Who is called when an interrupt line is raised.</summary>
public abstract class LineService
{
    /// <summary>Serves the line. Must not throw.</summary>
    public abstract void OnLine();
}
