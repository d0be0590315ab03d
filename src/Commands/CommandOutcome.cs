namespace VirtioGuest.Commands;

/// <summary>The ways in which a command ends.</summary>
public enum CommandOutcome
{
    /// <summary>It succeeded.</summary>
    Succeeded,

    /// <summary>It failed, for a reason.</summary>
    Failed,

    /// <summary>It was called wrongly and has done nothing.</summary>
    WrongArguments,

    /// <summary>It succeeded, and nothing comes after it.</summary>
    EndsShell,
}
