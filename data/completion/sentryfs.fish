# fish completion for sentryfs(1). It asks no server and reads no directory of a mount.

function __sentryfs_mounts
    string replace -rf '^\S+ \S+ \S+ \S+ (\S+) .* - fuse\.sentryfs .*$' '$1' </proc/self/mountinfo |
        string replace -a '\\040' ' '
end

function __sentryfs_command
    set -l words (commandline -opc)
    test (count $words) -ge 2; and contains -- $words[2] status doctor fetch path resolve-path; and echo $words[2]
end

# directories, but none of a mount
function __sentryfs_directories
    set -l word (commandline -ct)
    set -l path (string replace -r '^~' $HOME -- $word)
    string match -q '/*' -- $path; or set path $PWD/$path
    for mount in (__sentryfs_mounts)
        string match -q -- "$mount/*" $path; and return
    end
    __fish_complete_directories $word
end

complete -c sentryfs -f
complete -c sentryfs -n 'test (count (commandline -opc)) -eq 1' -a status -d 'print the state of mounts'
complete -c sentryfs -n 'test (count (commandline -opc)) -eq 1' -a doctor -d 'check what a mount needs'
complete -c sentryfs -n 'test (count (commandline -opc)) -eq 1' -a fetch -d 'fill the store'
complete -c sentryfs -n 'test (count (commandline -opc)) -eq 1' -a path -d 'print where an issue is'
complete -c sentryfs -n 'test (count (commandline -opc)) -eq 1' -a resolve-path -d 'print where the issue of a web page is'
complete -c sentryfs -n 'not __sentryfs_command >/dev/null' -a '(__sentryfs_directories)'
complete -c sentryfs -n 'contains -- fetch (__sentryfs_command); or contains -- status (__sentryfs_command)' -a '(__sentryfs_mounts)' -d mount
complete -c sentryfs -n 'contains -- path (__sentryfs_command); and test (count (commandline -opc)) -ge 3' \
    -a '(__sentryfs_mounts)' -d mount
complete -c sentryfs -n 'contains -- fetch (__sentryfs_command)' -l again -d 'also what was fetched before'

sentryfs --help 2>/dev/null | string replace -rf '^  (?:-(\w), |    )--([a-z-]+)(=?)\S* +(.*)$' '$1|$2|$3|$4' |
    while read -d '|' -l letter name value says
        set -l more -l $name -d $says
        test -n "$letter"; and set -a more -s $letter
        switch $name
            case cache
                set -a more -x -a 'memory disk'
            case token-file cacert
                set -a more -r -F
            case '*'
                test -n "$value"; and set -a more -x
        end
        complete -c sentryfs -n 'not __sentryfs_command >/dev/null; or contains -- doctor (__sentryfs_command)' $more
    end
